// How we log in to Postgres: one machine per login, fed with its 'R' messages. Pure: no socket, no timer, no promise.
// RFC 5802, 5929 and 7677 for SCRAM, whose steps live in server-scram.ts.
// Postgres: pg_fe_sendauth, pg_SASL_init, pg_password_sendauth (fe-auth.c); the other end is auth.c and auth-scram.c.
import { type ScramKeys, scramMechanism, scramNonce, scramPlusMechanism } from './scram.ts';
import { md5Response, md5Secret } from './secret.ts';
import type { ServerAuthReason, ServerAuthStep } from './server-auth-step.ts';
import { type Binding, ServerScram } from './server-scram.ts';

/** Of a connection to Postgres that is encrypted. */
export interface ServerTls {
  /** Hash of the certificate of Postgres for tls-server-end-point (RFC 5929 section 4.1); null: there is none that can be used. */
  readonly endPointHash: Buffer | null;
}

/** libpq: channel_binding. */
export type ChannelBinding = 'disable' | 'prefer' | 'require';

export interface ServerAuthOptions {
  /** The Postgres user of the pool; the salt of an md5 hash. */
  readonly user: string;
  /** Empty counts as none, as for Postgres. */
  readonly password: string | null;
  /** From a client's own login: they serve where Postgres stores the very secret that we store. */
  readonly scramKeys?: ScramKeys | null;
  /** A stored md5 hash (`md5` and 32 hex digits), which serves where Postgres asks for md5. */
  readonly md5?: string | null;
  /** Null (the default): the connection is not encrypted. */
  readonly tls?: ServerTls | null;
  /** Default: prefer. */
  readonly channelBinding?: ChannelBinding;
  /** For tests. */
  readonly nonce?: () => string;
}

/** Starts a login. Nothing is sent before Postgres asks, so there is no begin(). */
export function createServerAuth(options: ServerAuthOptions): ServerAuth {
  return new ServerAuth(options);
}

const methodNames: ReadonlyMap<number, string> = new Map([
  [2, 'Kerberos V5'],
  [3, 'a cleartext password'],
  [4, 'crypt'],
  [5, 'md5'],
  [6, 'SCM credentials'],
  [7, 'GSSAPI'],
  [8, 'GSSAPI'],
  [9, 'SSPI'],
]);

/** One login. Any call that is not the one the last step asked for ends it with `out_of_order`, and so does any after its end. */
export class ServerAuth {
  readonly #options: ServerAuthOptions;
  #expected: 'next' | 'derived' | 'nothing' = 'next';
  /** Null until Postgres asks for SASL. */
  #scram: ServerScram | null = null;
  #passwordSent = false;

  constructor(options: ServerAuthOptions) {
    this.#options = options.password === '' ? { ...options, password: null } : options;
  }

  /** An 'R' message: its code, and what follows the code. */
  next(code: number, data: Buffer): ServerAuthStep {
    if (this.#expected !== 'next') return this.#took(outOfOrder);
    return this.#took(this.#scram === null ? this.#answer(code, data) : this.#exchange(this.#scram, code, data));
  }

  derived(saltedPassword: Buffer): ServerAuthStep {
    if (this.#expected !== 'derived' || this.#scram === null) return this.#took(outOfOrder);
    return this.#took(this.#scram.derived(saltedPassword));
  }

  #took(step: ServerAuthStep): ServerAuthStep {
    if (step.kind === 'respond' || step.kind === 'wait') this.#expected = 'next';
    else this.#expected = step.kind === 'derive' ? 'derived' : 'nothing';
    return step;
  }

  get #requiresBinding(): boolean {
    return this.#options.channelBinding === 'require';
  }

  /** Outside a SASL exchange. Postgres asks once; a second request would be an attempt to get a weaker answer. */
  #answer(code: number, data: Buffer): ServerAuthStep {
    // libpq: check_expected_areq. Without SCRAM nothing was bound, and a password must not be given to whoever asks.
    if (this.#requiresBinding && [0, 3, 5].includes(code)) {
      return fail('channel_binding', 'channel binding is required, and Postgres does not ask for SCRAM');
    }
    if (code === 0)
      return data.length === 0 ? { kind: 'ok' } : fail('malformed', 'AuthenticationOk has a wrong length');
    if (this.#passwordSent) return fail('out_of_order', 'Postgres asked for a password twice');
    if (code === 3) return this.#cleartext(data);
    if (code === 5) return this.#md5(data);
    if (code === 10) return this.#selectMechanism(data);
    if (code === 11 || code === 12) return fail('out_of_order', 'Postgres sent a SASL message outside a SASL exchange');
    return fail('unsupported_method', `Postgres asks for ${methodNames.get(code) ?? `authentication method ${code}`}`);
  }

  #exchange(scram: ServerScram, code: number, data: Buffer): ServerAuthStep {
    if (code === 11) return scram.continue(data);
    if (code === 12) return scram.final(data);
    if (code !== 0) return fail('out_of_order', 'Postgres asked for another method in the middle of SCRAM');
    if (data.length !== 0) return fail('malformed', 'AuthenticationOk has a wrong length');
    if (scram.verified) return { kind: 'ok' };
    return fail('server_signature', 'Postgres let us in without proving that it holds the secret of this user');
  }

  #cleartext(data: Buffer): ServerAuthStep {
    if (data.length !== 0) return fail('malformed', 'AuthenticationCleartextPassword has a wrong length');
    const { password } = this.#options;
    return password === null ? this.#noPassword('a cleartext password') : this.#sendPassword(password);
  }

  #md5(data: Buffer): ServerAuthStep {
    if (data.length !== 4) return fail('malformed', 'AuthenticationMD5Password has a wrong length');
    const { password, user, md5 } = this.#options;
    const hash = password === null ? md5 : md5Secret(password, user);
    return hash ? this.#sendPassword(md5Response(hash, data)) : this.#noPassword('md5');
  }

  #sendPassword(text: string): ServerAuthStep {
    if (text.includes('\0')) return fail('no_password', 'the password has a zero byte, which Postgres can not be sent');
    this.#passwordSent = true;
    return { kind: 'respond', body: Buffer.from(`${text}\0`) };
  }

  /** A list of names, each ended by a zero byte, ended by an empty one. */
  #selectMechanism(data: Buffer): ServerAuthStep {
    if (data.length < 2 || data[data.length - 1] !== 0 || data[data.length - 2] !== 0) {
      return fail('malformed', 'AuthenticationSASL has no list of mechanisms');
    }
    const names = data.toString('latin1', 0, data.length - 2).split('\0');
    const binding = this.#bindingFor(names);
    if ('kind' in binding) return binding;
    if (binding.flag !== 'p' && !names.includes(scramMechanism)) {
      const offered = names
        .slice(0, 4)
        .join(', ')
        .slice(0, 80)
        .replaceAll(/[^\x20-\x7e]/g, '?');
      return fail('unsupported_method', `Postgres offers no SASL mechanism that is known here, only ${offered}`);
    }
    const { password, scramKeys } = this.#options;
    if (password === null && !scramKeys) return this.#noPassword(scramMechanism);
    this.#scram = new ServerScram(password, scramKeys ?? null, (this.#options.nonce ?? scramNonce)(), binding);
    return this.#scram.begin();
  }

  /** libpq: pg_SASL_init and build_client_first_message. */
  #bindingFor(offered: readonly string[]): Binding | ServerAuthStep {
    const { tls = null, channelBinding = 'prefer' } = this.#options;
    const isOffered = offered.includes(scramPlusMechanism);
    // Postgres offers it on encrypted connections only: somebody may have taken the encryption away from our side.
    if (isOffered && tls === null) {
      return fail('channel_binding', `Postgres offers ${scramPlusMechanism} on a connection without TLS`);
    }
    const endPointHash = channelBinding === 'disable' ? null : (tls?.endPointHash ?? null);
    if (isOffered && endPointHash !== null) return { flag: 'p', endPointHash };
    if (!this.#requiresBinding) return endPointHash === null ? { flag: 'n' } : { flag: 'y' };
    const why =
      tls === null
        ? 'the connection has no TLS'
        : endPointHash === null
          ? 'the certificate of Postgres has no signature hash that can be bound'
          : `Postgres does not offer ${scramPlusMechanism}`;
    return fail('channel_binding', `channel binding is required, and ${why}`);
  }

  #noPassword(method: string): ServerAuthStep {
    const { scramKeys, md5 } = this.#options;
    const known = scramKeys ? 'only SCRAM keys are' : md5 ? 'only an md5 hash is' : 'no password is';
    return fail('no_password', `Postgres asks for ${method}, and ${known} known for this user`);
  }
}

const outOfOrder: ServerAuthStep = {
  kind: 'fail',
  reason: 'out_of_order',
  detail: 'an authentication message came when none was expected',
};

function fail(reason: ServerAuthReason, detail: string): ServerAuthStep {
  return { kind: 'fail', reason, detail };
}
