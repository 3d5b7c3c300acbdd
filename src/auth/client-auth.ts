// Who a client is: one machine per login, fed with the bodies of its 'p' messages. Pure: no socket, no timer, no promise.
// RFC 5802 (SCRAM), 7677 (SHA-256); the steps live in client-scram.ts and client-password.ts.
// Postgres: ClientAuthentication, CheckPasswordAuth, CheckPWChallengeAuth (auth.c), mock_scram_secret (auth-scram.c).
// PgBouncer: check_client_passwd, scram_client_first, scram_client_final (client.c).
import { createHmac, createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import type { ClientAuthFlow, ClientAuthStep } from './client-auth-step.ts';
import { ClientMd5, ClientPlain } from './client-password.ts';
import { ClientScram, type ScramSource } from './client-scram.ts';
import { defaultScramIterations, scramNonce, scramSaltBytes } from './scram.ts';
import { parseSecret, type Secret } from './secret.ts';
import type { Asked } from './strangers.ts';

export type ClientAuthMethod = 'trust' | 'any' | 'plain' | 'md5' | 'scram-sha-256';

export interface ClientAuthOptions {
  /** md5 does SCRAM by itself where the secret is a SCRAM verifier, as Postgres and PgBouncer do. */
  readonly method: ClientAuthMethod;
  /** From the startup packet. */
  readonly user: string;
  /** As stored (parseSecret reads it); null for a user that is unknown or has none. */
  readonly secret: string | null;
  /** For secrets that are plain passwords, and for users without one: 1 to 1,000,000, default 4096. */
  readonly scramIterations?: number;
  /** Hash of our certificate (RFC 5929 section 4.1): SCRAM is offered with channel binding. null: it is not. */
  readonly endPointHash?: Buffer | null;
  /** What method md5 asks of a user without a secret: choose what it asks of most others, so that strangers don't stand out. */
  readonly strangersGet?: Asked;
  /** Makes the salts of users that have no verifier; random for each process by default. */
  readonly saltKey?: KeyObject;
  /** For tests: the salt of md5, our half of the nonce of SCRAM. */
  readonly randomBytes?: (size: number) => Buffer;
  readonly nonce?: () => string;
}

const processSaltKey = createSecretKey(randomBytes(32));

/** Starts a login. Whether a user exists at all matters to trust, and not to any: the caller decides that one. */
export function createClientAuth(options: ClientAuthOptions): ClientAuth {
  return new ClientAuth(flowOf(options));
}

/** One login. Any call that is not the one the last step asked for ends it with `out_of_order`, and so does any after its end. */
export class ClientAuth {
  readonly #flow: ClientAuthFlow;
  #expected: 'begin' | 'next' | 'derived' | 'nothing' = 'begin';

  constructor(flow: ClientAuthFlow) {
    this.#flow = flow;
  }

  begin(): ClientAuthStep {
    return this.#expected === 'begin' ? this.#took(this.#flow.begin()) : this.#outOfOrder();
  }

  /** The whole body of a 'p' message. */
  next(body: Buffer): ClientAuthStep {
    return this.#expected === 'next' ? this.#took(this.#flow.next(body)) : this.#outOfOrder();
  }

  derived(saltedPassword: Buffer): ClientAuthStep {
    return this.#expected === 'derived' ? this.#took(this.#flow.derived(saltedPassword)) : this.#outOfOrder();
  }

  #took(step: ClientAuthStep): ClientAuthStep {
    this.#expected = step.kind === 'request' ? 'next' : step.kind === 'derive' ? 'derived' : 'nothing';
    return step;
  }

  #outOfOrder(): ClientAuthStep {
    return this.#took({ kind: 'fail', reason: 'out_of_order', detail: 'a message came when none was expected' });
  }
}

const comeIn: ClientAuthFlow = {
  begin: () => ({ kind: 'ok' }),
  next: () => ({ kind: 'ok' }),
  derived: () => ({ kind: 'ok' }),
};

function flowOf(options: ClientAuthOptions): ClientAuthFlow {
  const { method, user } = options;
  if (method === 'trust' || method === 'any') return comeIn;
  const secret = options.secret === null ? null : parseSecret(options.secret);
  if (method === 'plain') return new ClientPlain(user, secret);
  if (method === 'md5' && !wantsScram(secret, options.strangersGet ?? 'md5')) {
    return new ClientMd5(user, secret, (options.randomBytes ?? randomBytes)(4));
  }
  return new ClientScram(scramSourceOf(options, secret), options.nonce ?? scramNonce, options.endPointHash ?? null);
}

function wantsScram(secret: Secret | null, strangersGet: Asked): boolean {
  if (secret === null || secret.kind === 'invalid') return strangersGet === 'scram-sha-256';
  return secret.kind === 'scram';
}

/**
 * Postgres: a user without a usable secret gets a salt that is the same each time, as a real one would be (scram_mock_salt).
 * Differs from PgBouncer: a password that is stored plainly is salted the same way, not freshly each time. Then the two can't
 * be told apart by asking twice, and its key is derived once and not at every login.
 */
function scramSourceOf(options: ClientAuthOptions, secret: Secret | null): ScramSource {
  if (secret?.kind === 'scram') return secret;
  const digest = createHmac('sha256', options.saltKey ?? processSaltKey)
    .update(options.user)
    .digest();
  const salt = digest.subarray(0, scramSaltBytes);
  const iterations = options.scramIterations ?? defaultScramIterations;
  if (secret?.kind === 'plain') return { kind: 'password', password: secret.password, salt, iterations };
  return { kind: 'mock', reason: secret === null ? 'no_secret' : 'secret_kind', salt, iterations };
}
