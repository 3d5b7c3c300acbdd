// The methods in which a client sends its password, or an md5 digest of it. Driven by client-auth.ts only, which keeps the order.
// Postgres: CheckPasswordAuth, CheckMD5Auth, recv_password_packet (auth.c), md5_crypt_verify, plain_crypt_verify (crypt.c),
// scram_verify_plain_password (auth-scram.c). RFC 5802 section 3 where a typed password meets a SCRAM verifier; RFC 7677.
import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { ClientAuthFlow, ClientAuthStep, ClientFailReason } from './client-auth-step.ts';
import { sameBytes, serverKeyOf } from './scram.ts';
import { md5Response, md5Secret, type Secret } from './secret.ts';

const authCleartextPassword = 3;
const authMd5Password = 5;

const comparedInVain = 'no secret to compare with';
/** What a user without a secret is compared with, so that the work is the same: nothing makes this digest. */
const strangersHash = `md5${'-'.repeat(32)}`;

/** Method plain: the password itself. It is compared with whatever kind of secret there is. */
export class ClientPlain implements ClientAuthFlow {
  readonly #user: string;
  readonly #secret: Secret | null;
  #typed = '';

  constructor(user: string, secret: Secret | null) {
    this.#user = user;
    this.#secret = secret;
  }

  begin(): ClientAuthStep {
    return { kind: 'request', code: authCleartextPassword, data: Buffer.alloc(0) };
  }

  next(body: Buffer): ClientAuthStep {
    const typed = passwordText(body);
    if (typeof typed !== 'string') return typed;
    const secret = this.#secret;
    if (secret === null) {
      sameText(md5Secret(typed, this.#user), strangersHash);
      return fail('no_secret', comparedInVain);
    }
    switch (secret.kind) {
      case 'plain':
        return this.#answer(typed, sameText(typed, secret.password));
      case 'md5':
        return this.#answer(typed, sameText(md5Secret(typed, this.#user), secret.hash));
      case 'scram':
        this.#typed = typed;
        return { kind: 'derive', password: typed, salt: secret.salt, iterations: secret.iterations };
      case 'invalid':
        return fail('secret_kind', secret.problem);
    }
  }

  derived(saltedPassword: Buffer): ClientAuthStep {
    const matches = this.#secret?.kind === 'scram' && sameBytes(serverKeyOf(saltedPassword), this.#secret.serverKey);
    return this.#answer(this.#typed, matches);
  }

  #answer(typed: string, matches: boolean): ClientAuthStep {
    return matches ? { kind: 'ok', password: typed } : fail('wrong_password', 'the password does not match');
  }
}

/** Method md5 with a secret that is a password or an md5 hash. */
export class ClientMd5 implements ClientAuthFlow {
  readonly #user: string;
  readonly #secret: Secret | null;
  readonly #salt: Buffer;

  /** `salt`: 4 random bytes. */
  constructor(user: string, secret: Secret | null, salt: Buffer) {
    this.#user = user;
    this.#secret = secret;
    this.#salt = salt;
  }

  begin(): ClientAuthStep {
    return { kind: 'request', code: authMd5Password, data: this.#salt };
  }

  next(body: Buffer): ClientAuthStep {
    const answer = passwordText(body);
    if (typeof answer !== 'string') return answer;
    const secret = this.#secret;
    if (secret === null) {
      sameText(answer, md5Response(strangersHash, this.#salt));
      return fail('no_secret', comparedInVain);
    }
    if (secret.kind === 'invalid') return fail('secret_kind', secret.problem);
    if (secret.kind === 'scram') return fail('secret_kind', 'a SCRAM secret can not answer md5');
    const hash = secret.kind === 'md5' ? secret.hash : md5Secret(secret.password, this.#user);
    if (sameText(answer, md5Response(hash, this.#salt))) return { kind: 'ok' };
    return fail('wrong_password', 'the digest does not match');
  }

  derived(): ClientAuthStep {
    return fail('out_of_order', 'no key was asked for');
  }
}

/** The text of a PasswordMessage, which ends with its only zero byte; or why not. */
function passwordText(body: Buffer): string | ClientAuthStep {
  if (body.length === 0 || body.indexOf(0) !== body.length - 1) {
    return fail('malformed', 'PasswordMessage does not end with its only zero byte');
  }
  const bytes = body.subarray(0, -1);
  if (bytes.length === 0) return fail('empty_password', 'the client sent an empty password');
  // Our secrets are UTF-8 text, so no other bytes can match one.
  if (!isUtf8(bytes)) return fail('wrong_password', 'the password is not UTF-8');
  return bytes.toString('utf8');
}

/** Equality in a time that depends on the lengths at most. */
function sameText(a: string, b: string): boolean {
  return sameBytes(createHash('sha256').update(a).digest(), createHash('sha256').update(b).digest());
}

function fail(reason: ClientFailReason, detail: string): ClientAuthStep {
  return { kind: 'fail', reason, detail };
}
