// Asks the HTTP API of a test's pooler, with a token or without, as a browser or as a program.
import { request } from 'node:http';

export const READ_TOKEN = 'a-token-to-read-with';
export const ACTION_TOKEN = 'a-token-to-act-with';

export interface Asked {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: an answer is looked at by the test
  readonly body: any;
  readonly headers: Headers;
}

type Sent = Readonly<Record<string, string>>;

export class Api {
  readonly port: number;
  readonly host: string;
  token: string | null;

  constructor(port: number, token: string | null = null, host = '127.0.0.1') {
    this.port = port;
    this.token = token;
    this.host = host;
  }

  get(path: string, headers: Sent = {}): Promise<Asked> {
    return this.#ask('GET', path, headers);
  }

  act(name: string, body: unknown, headers: Sent = {}): Promise<Asked> {
    const sent = { 'content-type': 'application/json', ...headers };
    return this.#ask('POST', `/api/v1/actions/${name}`, sent, typeof body === 'string' ? body : JSON.stringify(body));
  }

  /** Node's own client: fetch() lets nobody choose Host, Origin and Sec-Fetch-Site. */
  #ask(method: string, path: string, headers: Sent, body?: string): Promise<Asked> {
    const { host, port } = this;
    const authorization: Sent = this.token === null ? {} : { authorization: `Bearer ${this.token}` };
    return new Promise((resolve, reject) => {
      const sent = request({ host, port, method, path, headers: { ...authorization, ...headers } }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (part: string) => {
          text += part;
        });
        response.on('end', () => {
          const isJson = String(response.headers['content-type']).includes('application/json');
          const told = new Headers(response.headers as Record<string, string>);
          resolve({ status: response.statusCode ?? 0, body: isJson ? JSON.parse(text) : text, headers: told });
        });
        response.on('error', reject);
      });
      sent.on('error', reject);
      sent.end(body);
    });
  }
}
