// A client that plays its part in the session matrix, and writes down in lines what it was answered.
import { textValues, type WireClient, WireError } from '../support/wire.ts';
import type { BackendMessage } from '../support/wire-backend.ts';
import type { Change } from './change.ts';
import { type Batch, simple } from './endings.ts';
import { FINGERPRINT } from './fingerprint.ts';

const TIMEOUT_MS = 5000;

export class Player {
  readonly client: WireClient;
  /** What the client has been told of its session's parameters. */
  readonly reported: Record<string, string>;

  constructor(client: WireClient, reported: Record<string, string>) {
    this.client = client;
    this.reported = { ...reported };
  }

  /** A line for each message that says something, and one for the connection's end. */
  async say({ send, replies }: Batch): Promise<string[]> {
    const messages: BackendMessage[] = [];
    let end = '';
    this.client.send(send);
    try {
      for (let i = 0; i < replies; i += 1) messages.push(...(await this.client.readUntil('Z', TIMEOUT_MS)));
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      messages.push(...error.messages);
      end = error.message;
    }
    for (const { type, name, value } of messages) if (type === 'S') this.reported[name as string] = value as string;
    const lines = messages.map(line).filter((text) => text !== '');
    return end === '' ? lines : [...lines, end];
  }

  async sayAll(batches: readonly Batch[]): Promise<string[]> {
    const lines: string[] = [];
    for (const batch of batches) lines.push(...(await this.say(batch)));
    return lines;
  }

  async ask(...texts: string[]): Promise<string[]> {
    return this.sayAll(texts.map(simple));
  }

  /** All that can be seen of the session, from inside a transaction that stays open: nobody else gets this server. In one write. */
  async look(change: Change): Promise<string[]> {
    const texts = ['BEGIN', FINGERPRINT, ...change.probe].map((sql) => simple(sql).send);
    const seen = await this.say({ send: Buffer.concat(texts), replies: texts.length });
    return [...seen, ...Object.entries(this.reported).map(([name, value]) => `told that ${name} is ${value}`)];
  }

  /** What the client itself asks, on its own and in a transaction. */
  async probe(change: Change): Promise<string[]> {
    const alone = await this.ask(...change.probe);
    return [...alone, ...(await this.ask('BEGIN', ...change.probe, ...(change.ownProbe ?? []), 'COMMIT'))];
  }

  /** The first column of all rows. */
  async column(sql: string): Promise<string[]> {
    return (await this.client.rows(sql)).map(([value]) => value ?? '');
  }
}

function line(message: BackendMessage): string {
  const { type, body } = message;
  if (type === 'D') return `row ${textValues(message).join(' | ')}`;
  if (type === 'd' || type === 'V') return `data ${body.toString('latin1').trimEnd()}`;
  if (type === 'C') return message.tag as string;
  if (type === 'E') return `${message.fields?.S} ${message.fields?.C}: ${message.fields?.M}`;
  if (type === 'A') return `notification on ${message.channel}: ${message.payload}`;
  if (type === 'Z') return `ready, ${message.txStatus}`;
  return '';
}
