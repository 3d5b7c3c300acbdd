// SCRAM-SHA-256 and -PLUS with a client: we are the server of the exchange. Driven by client-auth.ts only, which keeps the order.
// RFC 5802 section 3 (the exchange), 5 (messages), 6 (channel binding flags), 7 (formal syntax); RFC 7677; RFC 5929.
// Postgres: scram_exchange, read_client_first_message, read_client_final_message, verify_client_proof, mock_scram_secret
// (src/backend/libpq/auth-scram.c); CheckSASLAuth (auth-sasl.c).
import type { ClientAuthFlow, ClientAuthStep, ClientFailReason, ToldByPostgres } from './client-auth-step.ts';
import {
  AttributeReader,
  channelBinding,
  clientKeyOf,
  decodeKey,
  endPointBinding,
  isPrintable,
  sameBytes,
  scramMechanism,
  scramPlusMechanism,
  scramSignature,
  serverKeyOf,
  storedKeyOf,
  xorKeys,
} from './scram.ts';
import type { ScramSecret } from './secret.ts';

const authSasl = 10;
const authSaslContinue = 11;
const authSaslFinal = 12;

/** What the proof is held against. Salt and count are in all of them, since the client sees those before it proves anything. */
export type ScramSource =
  | ScramSecret
  | { readonly kind: 'password'; readonly password: string; readonly salt: Buffer; readonly iterations: number }
  /** Nobody to compare with: the exchange goes on to its end as if there were, then fails with this reason. */
  | {
      readonly kind: 'mock';
      readonly reason: 'no_secret' | 'secret_kind';
      readonly salt: Buffer;
      readonly iterations: number;
    };

/** What stays between client-first and client-final. */
interface Challenge {
  /** `n`, `y` or `p=tls-server-end-point`, as the client said it. */
  readonly flag: string;
  readonly clientFirstBare: string;
  readonly nonce: string;
  readonly serverFirst: string;
}

/** What stays while the caller derives. */
interface Proof {
  readonly authMessage: string;
  readonly proof: Buffer;
}

const clientFirstSyntax = 'client-first-message is not well formed';
const clientFinalSyntax = 'client-final-message is not well formed';

export class ClientScram implements ClientAuthFlow {
  readonly #source: ScramSource;
  readonly #nonce: () => string;
  readonly #endPointHash: Buffer | null;
  #challenge: Challenge | null = null;
  #proof: Proof | null = null;

  /** `endPointHash`: of our certificate; null: channel binding is not offered. */
  constructor(source: ScramSource, nonce: () => string, endPointHash: Buffer | null) {
    this.#source = source;
    this.#nonce = nonce;
    this.#endPointHash = endPointHash;
  }

  begin(): ClientAuthStep {
    // Best first: a client takes the first one that it speaks.
    const offered = this.#endPointHash === null ? [scramMechanism] : [scramPlusMechanism, scramMechanism];
    return { kind: 'request', code: authSasl, data: Buffer.from(`${offered.join('\0')}\0\0`) };
  }

  next(body: Buffer): ClientAuthStep {
    return this.#challenge === null ? this.#first(body) : this.#final(body, this.#challenge);
  }

  derived(saltedPassword: Buffer): ClientAuthStep {
    if (this.#proof === null) return fail('out_of_order', 'no key was asked for');
    const storedKey = storedKeyOf(clientKeyOf(saltedPassword));
    return this.#verify(this.#proof, storedKey, serverKeyOf(saltedPassword), null);
  }

  /** SASLInitialResponse: mechanism name, length, client-first-message. */
  #first(body: Buffer): ClientAuthStep {
    const end = body.indexOf(0);
    if (end === -1 || body.length < end + 5) return fail('malformed', 'SASLInitialResponse is too short');
    const mechanism = body.toString('latin1', 0, end);
    const isPlus = mechanism === scramPlusMechanism && this.#endPointHash !== null;
    if (!isPlus && mechanism !== scramMechanism) {
      return fail('mechanism', 'the client selected a SASL mechanism that was not offered');
    }
    const length = body.readInt32BE(end + 1);
    if (length !== body.length - end - 5) return fail('malformed', 'SASLInitialResponse has a wrong length inside');
    const text = body.toString('latin1', end + 5);
    const header = /^([ny]|p=[^,]*),,/.exec(text);
    if (header === null) return refuseHeader(text);
    return (
      refuseFlag(header[1]!, isPlus, this.#endPointHash !== null) ??
      this.#challengeTo(header[1]!, text.slice(header[0].length))
    );
  }

  /** client-first-message-bare: `n=name,r=nonce`. Postgres: the name is ignored, the one of the startup packet counts. */
  #challengeTo(flag: string, bare: string): ClientAuthStep {
    const attributes = new AttributeReader(bare);
    const name = attributes.take();
    if (name?.name === 'm') return fail('extension', 'the client requires a SCRAM extension');
    if (name?.name !== 'n') return fail('malformed', clientFirstSyntax);
    const clientNonce = attributes.takeValue('r');
    if (clientNonce === null) return fail('malformed', clientFirstSyntax);
    if (!isPrintable(clientNonce)) return fail('malformed', 'the client nonce is not printable');
    while (!attributes.done) {
      if (attributes.take() === null) return fail('malformed', clientFirstSyntax);
    }
    const nonce = clientNonce + this.#nonce();
    const salt = this.#source.salt.toString('base64');
    const serverFirst = `r=${nonce},s=${salt},i=${this.#source.iterations}`;
    this.#challenge = { flag, clientFirstBare: bare, nonce, serverFirst };
    return { kind: 'request', code: authSaslContinue, data: Buffer.from(serverFirst, 'latin1') };
  }

  /** client-final-message: `c=binding,r=nonce`, extensions, `p=proof` last. */
  #final(body: Buffer, challenge: Challenge): ClientAuthStep {
    const text = body.toString('latin1');
    const attributes = new AttributeReader(text);
    const binding = attributes.takeValue('c');
    if (binding === null) return fail('malformed', clientFinalSyntax);
    const isBound = challenge.flag.startsWith('p');
    if (binding !== channelBinding(challenge.flag, isBound ? this.#endPointHash : null)) {
      return isBound
        ? fail(
            'channel_binding',
            'the client sees another certificate than ours: somebody may sit between',
            checkFailed,
          )
        : fail(
            'channel_binding',
            'client-final-message binds another way than client-first-message',
            unexpectedBinding,
          );
    }
    const nonce = attributes.takeValue('r');
    if (nonce === null) return fail('malformed', 'client-final-message has no nonce');
    if (!sameBytes(Buffer.from(nonce, 'latin1'), Buffer.from(challenge.nonce, 'latin1'))) {
      return fail('nonce', 'the nonce of client-final-message is not the one of server-first-message');
    }
    let last = attributes.take();
    while (last !== null && last.name !== 'p') {
      if (last.name === 'm') return fail('extension', 'the client requires a SCRAM extension');
      last = attributes.take();
    }
    if (last === null) return fail('malformed', 'client-final-message has no proof');
    const proof = decodeKey(last.value);
    if (proof === null || !attributes.done)
      return fail('malformed', 'the proof of client-final-message is not well formed');
    const withoutProof = text.slice(0, last.at - 1);
    const authMessage = `${challenge.clientFirstBare},${challenge.serverFirst},${withoutProof}`;
    return this.#check({ authMessage, proof });
  }

  #check(proof: Proof): ClientAuthStep {
    const source = this.#source;
    if (source.kind === 'password') {
      this.#proof = proof;
      return { kind: 'derive', password: source.password, salt: source.salt, iterations: source.iterations };
    }
    if (source.kind === 'scram') return this.#verify(proof, source.storedKey, source.serverKey, source);
    // The same work as for somebody we know, so that the time to the answer says nothing.
    this.#verify(proof, mockKey, mockKey, null);
    return fail(source.reason, 'no secret to compare with');
  }

  /** The keys are worth handing on only when they belong to a verifier that Postgres may hold too. */
  #verify(proof: Proof, storedKey: Buffer, serverKey: Buffer, secret: ScramSecret | null): ClientAuthStep {
    const clientKey = xorKeys(proof.proof, scramSignature(storedKey, proof.authMessage));
    const signature = scramSignature(serverKey, proof.authMessage);
    if (!sameBytes(storedKeyOf(clientKey), storedKey)) return fail('wrong_password', 'the proof does not match');
    const last = { code: authSaslFinal, data: Buffer.from(`v=${signature.toString('base64')}`) };
    if (secret === null) return { kind: 'ok', last };
    return { kind: 'ok', last, keys: { clientKey, serverKey, salt: secret.salt, iterations: secret.iterations } };
  }
}

const mockKey = Buffer.alloc(32);

/** What Postgres says (read_client_first_message, read_client_final_message). */
const malformed: ToldByPostgres = { code: 'protocol_violation', message: 'malformed SCRAM message' };
const unexpectedBinding: ToldByPostgres = {
  code: 'protocol_violation',
  message: 'unexpected SCRAM channel-binding attribute in client-final-message',
};
const checkFailed: ToldByPostgres = { code: 'channel_binding_failed', message: 'SCRAM channel binding check failed' };
const downgraded: ToldByPostgres = {
  code: 'channel_binding_failed',
  message: 'SCRAM channel binding negotiation error',
};

/** Why the flag of a client-first-message does not fit the mechanism that the client selected; null: it does. */
function refuseFlag(flag: string, isPlus: boolean, isOffered: boolean): ClientAuthStep | null {
  if (flag.startsWith('p=')) {
    if (!isPlus)
      return fail('channel_binding', 'the client binds the channel with a mechanism that does not', malformed);
    if (flag === `p=${endPointBinding}`) return null;
    const type = flag.slice(2, 32).replaceAll(/[^\x21-\x7e]/g, '?');
    const message = `unsupported SCRAM channel-binding type "${type}"`;
    return fail('channel_binding', 'the client binds what is not known here', { code: 'protocol_violation', message });
  }
  if (isPlus) return fail('channel_binding', 'the client selected channel binding, and does not bind', malformed);
  if (flag === 'n' || !isOffered) return null;
  return fail('channel_binding', 'the client did not see that channel binding was offered: a downgrade', downgraded);
}

/** Why a client-first-message does not begin with one of the three flags and two commas. */
function refuseHeader(text: string): ClientAuthStep {
  if (/^([ny]|p=[^,]*),a=/.test(text)) return fail('authzid', 'the client asks to act as another user');
  return fail('malformed', clientFirstSyntax);
}

function fail(reason: ClientFailReason, detail: string, told?: ToldByPostgres): ClientAuthStep {
  return { kind: 'fail', reason, detail, ...(told !== undefined && { told }) };
}
