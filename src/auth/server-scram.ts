// SCRAM-SHA-256 and -PLUS with Postgres: we are the client of the exchange. Driven by server-auth.ts only, which keeps the order.
// RFC 5802 section 3 (the exchange), 5 (messages), 7 (formal syntax), 9 (check the server's signature); RFC 7677; RFC 5929.
// Postgres: scram_exchange, read_server_first_message, build_client_final_message, verify_server_signature
// (src/interfaces/libpq/fe-auth-scram.c); the other end is auth-scram.c.
import {
  AttributeReader,
  channelBinding,
  clientKeyOf,
  decodeKey,
  decodeSalt,
  endPointBinding,
  isPrintable,
  maxScramIterations,
  parseIterations,
  type ScramKeys,
  sameBytes,
  scramMechanism,
  scramPlusMechanism,
  scramSignature,
  serverKeyOf,
  storedKeyOf,
  xorKeys,
} from './scram.ts';
import type { ServerAuthReason, ServerAuthStep } from './server-auth-step.ts';

/** The GS2 flag of an exchange, and what it binds. RFC 5802 section 6. */
export type Binding =
  /** Bind: this is the hash of the certificate that Postgres showed. */
  | { readonly flag: 'p'; readonly endPointHash: Buffer }
  /** We could bind, and saw no offer. A Postgres that made one and hears this knows that somebody took it out. */
  | { readonly flag: 'y' }
  | { readonly flag: 'n' };

/** Server-first-message, read and within bounds. */
interface Offer {
  readonly text: string;
  readonly nonce: string;
  readonly salt: Buffer;
  readonly iterations: number;
}

export class ServerScram {
  readonly #password: string | null;
  readonly #keys: ScramKeys | null;
  readonly #nonce: string;
  readonly #mechanism: string;
  readonly #flag: string;
  /** The `c` attribute. */
  readonly #channelBinding: string;
  #offer: Offer | null = null;
  #expectedSignature: Buffer | null = null;
  #verified = false;

  /** At least one of password and keys. Keys go first where they fit, since they cost no derivation. */
  constructor(password: string | null, keys: ScramKeys | null, nonce: string, binding: Binding) {
    this.#password = password;
    this.#keys = keys;
    this.#nonce = nonce;
    const isBound = binding.flag === 'p';
    this.#mechanism = isBound ? scramPlusMechanism : scramMechanism;
    this.#flag = isBound ? `p=${endPointBinding}` : binding.flag;
    this.#channelBinding = channelBinding(this.#flag, isBound ? binding.endPointHash : null);
  }

  /** True once Postgres has proved that it holds the verifier. */
  get verified(): boolean {
    return this.#verified;
  }

  /** SASLInitialResponse. Postgres: the name stays empty, the one of the startup packet counts. */
  begin(): ServerAuthStep {
    const first = Buffer.from(`${this.#flag},,${this.#clientFirstBare()}`, 'latin1');
    const length = Buffer.alloc(4);
    length.writeInt32BE(first.length);
    return { kind: 'respond', body: Buffer.concat([Buffer.from(`${this.#mechanism}\0`), length, first]) };
  }

  /** The data of AuthenticationSASLContinue. */
  continue(data: Buffer): ServerAuthStep {
    if (this.#offer !== null) return fail('out_of_order', 'Postgres sent a second AuthenticationSASLContinue');
    const offer = readServerFirst(data.toString('latin1'), this.#nonce);
    if ('kind' in offer) return offer;
    this.#offer = offer;
    const keys = this.#keys;
    if (keys !== null && keys.iterations === offer.iterations && sameBytes(keys.salt, offer.salt)) {
      return this.#prove(offer, keys.clientKey, keys.serverKey);
    }
    if (this.#password === null) {
      return fail(
        'secret_differs',
        'the SCRAM secret in Postgres has another salt or iteration count than the one known here',
      );
    }
    return { kind: 'derive', password: this.#password, salt: offer.salt, iterations: offer.iterations };
  }

  derived(saltedPassword: Buffer): ServerAuthStep {
    if (this.#offer === null) return fail('out_of_order', 'no key was asked for');
    return this.#prove(this.#offer, clientKeyOf(saltedPassword), serverKeyOf(saltedPassword));
  }

  /** The data of AuthenticationSASLFinal. */
  final(data: Buffer): ServerAuthStep {
    if (this.#expectedSignature === null || this.#verified) {
      return fail('out_of_order', 'Postgres sent AuthenticationSASLFinal before its time');
    }
    const attributes = new AttributeReader(data.toString('latin1'));
    const attribute = attributes.take();
    if (attribute?.name === 'e')
      return fail('rejected', `Postgres ended the SASL exchange: ${printable(attribute.value)}`);
    const signature = attribute?.name === 'v' && attributes.done ? decodeKey(attribute.value) : null;
    if (signature === null) return fail('malformed', 'server-final-message is not well formed');
    if (!sameBytes(signature, this.#expectedSignature)) {
      return fail('server_signature', 'the signature of Postgres is wrong: it does not hold the secret of this user');
    }
    this.#verified = true;
    return { kind: 'wait' };
  }

  #clientFirstBare(): string {
    return `n=,r=${this.#nonce}`;
  }

  #prove(offer: Offer, clientKey: Buffer, serverKey: Buffer): ServerAuthStep {
    const withoutProof = `c=${this.#channelBinding},r=${offer.nonce}`;
    const authMessage = `${this.#clientFirstBare()},${offer.text},${withoutProof}`;
    const proof = xorKeys(clientKey, scramSignature(storedKeyOf(clientKey), authMessage));
    this.#expectedSignature = scramSignature(serverKey, authMessage);
    return { kind: 'respond', body: Buffer.from(`${withoutProof},p=${proof.toString('base64')}`, 'latin1') };
  }
}

/** server-first-message: `r=nonce,s=salt,i=count` and nothing behind it. */
function readServerFirst(text: string, ours: string): Offer | ServerAuthStep {
  const attributes = new AttributeReader(text);
  const nonce = attributes.takeValue('r');
  if (nonce === null) return fail('malformed', 'server-first-message is not well formed');
  if (!isPrintable(nonce) || nonce.length <= ours.length || !nonce.startsWith(ours)) {
    return fail('nonce', 'the nonce of Postgres does not extend ours');
  }
  const salt = decodeSalt(attributes.takeValue('s') ?? '');
  if (salt === null) return fail('malformed', 'the salt of server-first-message is not well formed');
  const count = attributes.takeValue('i');
  if (count === null || !attributes.done) return fail('malformed', 'server-first-message is not well formed');
  const iterations = parseIterations(count);
  if (iterations === null) {
    return fail('iterations', `Postgres asks for SCRAM iterations outside 1 to ${maxScramIterations}`);
  }
  return { text, nonce, salt, iterations };
}

/** An error word of the peer, fit for a log line. */
function printable(text: string): string {
  return text.slice(0, 64).replaceAll(/[^\x20-\x7e]/g, '?');
}

function fail(reason: ServerAuthReason, detail: string): ServerAuthStep {
  return { kind: 'fail', reason, detail };
}
