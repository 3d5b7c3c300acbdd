// A SCRAM-SHA-256 client for the raw protocol client, written straight from RFC 5802 with blocking calls: fine in a test.
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';

const hmac = (key: Buffer, data: string | Buffer) => createHmac('sha256', key).update(data).digest();
const sha256 = (data: Buffer) => createHash('sha256').update(data).digest();

export class ScramClient {
  readonly #password: string;
  readonly #nonce = randomBytes(18).toString('base64');
  #expectedSignature = '';

  constructor(password: string) {
    this.#password = password;
  }

  /** client-first-message, without channel binding. Postgres takes the user from the startup packet. */
  first(): string {
    return `n,,n=,r=${this.#nonce}`;
  }

  /** client-final-message for the server's first one. */
  final(serverFirst: string): string {
    const { r: nonce = '', s: salt = '', i: iterations = '' } = attributes(serverFirst);
    if (!nonce.startsWith(this.#nonce) || nonce === this.#nonce) throw new Error('SCRAM: not an answer to our nonce');
    const salted = pbkdf2Sync(this.#password, Buffer.from(salt, 'base64'), Number(iterations), 32, 'sha256');
    const withoutProof = `c=biws,r=${nonce}`;
    const transcript = `n=,r=${this.#nonce},${serverFirst},${withoutProof}`;
    const clientKey = hmac(salted, 'Client Key');
    const signature = hmac(sha256(clientKey), transcript);
    const proof = Buffer.from(clientKey.map((byte, i) => byte ^ (signature[i] ?? 0)));
    this.#expectedSignature = hmac(hmac(salted, 'Server Key'), transcript).toString('base64');
    return `${withoutProof},p=${proof.toString('base64')}`;
  }

  /** Throws unless the server proved that it knows the password too. */
  verify(serverFinal: string): void {
    if (attributes(serverFinal).v !== this.#expectedSignature) throw new Error('SCRAM: wrong server signature');
  }
}

function attributes(text: string): Record<string, string> {
  return Object.fromEntries(text.split(',').map((pair) => [pair.slice(0, 1), pair.slice(2)]));
}
