// A client's login: a machine from the first byte to "let in". Pure: bytes in, steps out; what may come in is asked of
// a Gatekeeper. "Start-up" in the protocol's message flow; Postgres: ProcessStartupPacket.

import { type ClientAuth, type ClientAuthMethod, createClientAuth } from '../auth/client-auth.ts';
import { type ClientAuthStep, isClientProtocolViolation } from '../auth/client-auth-step.ts';
import type { ClientWay } from '../auth/client-way.ts';
import type { ScramKeys } from '../auth/scram.ts';
import type { SecretAnswer } from '../auth/secret-answers.ts';
import type { Asked } from '../auth/strangers.ts';
import { type PoolerError, poolerError } from '../protocol/catalogue.ts';
import { NEWEST_MINOR, PROTOCOL_3_0, parseOptions, type StartupPacket } from '../protocol/startup.ts';
import { authentication, negotiateProtocolVersion } from '../protocol/writer.ts';
import { ParameterSet } from '../session/parameters.ts';
import type { Lookup } from './secret-lookups.ts';

/** What the startup packet said, sorted. */
export interface ClientStartup {
  readonly user: string;
  readonly database: string;
  /** What the client wants set in its session: startup parameters and `options`. */
  readonly parameters: ParameterSet;
  /** The `replication` parameter: null for an ordinary client. */
  readonly replication: 'physical' | 'logical' | null;
  /** Minor version of protocol 3 in force. */
  readonly minor: number;
}

/** How a client that asked for a user and a database is let in, or why it isn't. */
export type Admission =
  /** lookup: the secret is asked for there. */
  | {
      readonly ok: true;
      readonly method: ClientAuthMethod;
      readonly secret: string | null;
      readonly lookup?: Lookup | null;
    }
  /** detail: for the log, where it says more than the client may know. */
  | { readonly ok: false; readonly error: PoolerError; readonly detail?: string };

export interface Gatekeeper {
  /** Clients that ask for encryption get it, over TCP. */
  readonly offersTls: boolean;
  /** By method md5, of users that have no secret. */
  readonly strangersGet: Asked;
  admit(startup: ClientStartup, way: ClientWay): Admission;
  /** PgBouncer: ignore_startup_parameters. */
  ignoresParameter(name: string): boolean;
}

export type ClientLoginStep =
  | { readonly kind: 'send'; readonly bytes: Buffer }
  /** Say yes, and encrypt the connection; read nothing meanwhile. */
  | { readonly kind: 'encrypt' }
  /** Run PBKDF2 off the loop, read nothing meanwhile, then call derived(). */
  | { readonly kind: 'derive'; readonly password: string; readonly salt: Buffer; readonly iterations: number }
  /** Ask for the secret, read nothing meanwhile, then call asked(). */
  | { readonly kind: 'ask'; readonly lookup: Lookup }
  | { readonly kind: 'cancel'; readonly processId: number; readonly key: Buffer }
  /** Let in. bytes: what has to be sent first, AuthenticationOk included. */
  | {
      readonly kind: 'authenticated';
      readonly startup: ClientStartup;
      readonly bytes: Buffer;
      readonly keys: ScramKeys | null;
      readonly password: string | null;
    }
  /** detail is for the log only. */
  | { readonly kind: 'fail'; readonly error: PoolerError; readonly detail: string };

const REFUSED = Buffer.from('N');
/** SSLRequest and GSSENCRequest may come once each; more is somebody playing. */
const MAX_ENCRYPTION_REQUESTS = 2;

export class ClientLogin {
  /** How it came in; encryption changes it. */
  way: ClientWay;
  readonly #gatekeeper: Gatekeeper;
  #encryptionRequests = 0;
  #startup: ClientStartup | null = null;
  #admission: Extract<Admission, { ok: true }> | null = null;
  #auth: ClientAuth | null = null;
  #negotiation: Buffer | null = null;

  constructor(gatekeeper: Gatekeeper, way: ClientWay) {
    this.way = way;
    this.#gatekeeper = gatekeeper;
  }

  /** The startup packet is in: typed messages follow. */
  get isStarted(): boolean {
    return this.#startup !== null;
  }

  /** Postgres: not over a Unix socket. */
  get maySpeakTls(): boolean {
    return this.way.tls === null && this.way.address !== null && this.#gatekeeper.offersTls;
  }

  /** Who it says it is, for the log. */
  get startup(): ClientStartup | null {
    return this.#startup;
  }

  /** A packet without a type byte. */
  packet(packet: StartupPacket): ClientLoginStep {
    switch (packet.kind) {
      case 'ssl':
      case 'gssenc':
        // Postgres: behind the handshake it is no request any more.
        if (this.way.tls !== null) return violation('unexpected encryption request on an encrypted connection');
        this.#encryptionRequests += 1;
        if (this.#encryptionRequests > MAX_ENCRYPTION_REQUESTS) return violation('too many encryption requests');
        return packet.kind === 'ssl' && this.maySpeakTls ? { kind: 'encrypt' } : { kind: 'send', bytes: REFUSED };
      case 'cancel':
        return packet;
      case 'invalid':
        return fail(
          { ...poolerError('protocol_violation', packet.problem), sqlstate: packet.sqlstate },
          packet.problem,
        );
      case 'startup':
        return this.#start(packet);
    }
  }

  /** The body of a 'p' message. Any other type is the caller's to refuse. */
  password(body: Buffer): ClientLoginStep {
    if (this.#auth === null) return violation('unexpected password message');
    return this.#step(this.#auth.next(body));
  }

  derived(salted: Buffer): ClientLoginStep {
    return this.#step(this.#auth!.derived(salted));
  }

  #start(packet: Extract<StartupPacket, { kind: 'startup' }>): ClientLoginStep {
    const sorted = sortParameters(packet.parameters, this.#gatekeeper);
    if ('problem' in sorted) return violation(sorted.problem);
    const startup: ClientStartup = { ...sorted, minor: Math.min(packet.minor, NEWEST_MINOR) };
    if (startup.user === '') return fail(poolerError('no_user'), 'no user');
    this.#startup = startup;
    if (packet.minor > NEWEST_MINOR || packet.options.length > 0) {
      this.#negotiation = negotiateProtocolVersion(PROTOCOL_3_0 + startup.minor, packet.options);
    }
    const admission = this.#gatekeeper.admit(startup, this.way);
    if (!admission.ok) return fail(admission.error, admission.detail ?? admission.error.message);
    this.#admission = admission;
    const { lookup = null } = admission;
    return lookup === null ? this.#authenticate(admission.secret) : { kind: 'ask', lookup };
  }

  /** The answer to an 'ask' step. */
  asked(answer: SecretAnswer): ClientLoginStep {
    if (!answer.ok) return fail(poolerError('auth_query_failed'), answer.problem);
    const { isKnown, secret } = answer.found;
    if (this.#admission!.method === 'trust' && !isKnown)
      return fail(poolerError('auth_failed', this.#startup!.user), 'no_secret: auth_query knows no such user');
    return this.#authenticate(secret);
  }

  #authenticate(secret: string | null): ClientLoginStep {
    this.#auth = createClientAuth({
      method: this.#admission!.method,
      user: this.#startup!.user,
      secret,
      strangersGet: this.#gatekeeper.strangersGet,
      endPointHash: this.way.tls?.endPointHash ?? null,
    });
    return this.#step(this.#auth.begin());
  }

  #step(step: ClientAuthStep): ClientLoginStep {
    switch (step.kind) {
      case 'request':
        return { kind: 'send', bytes: this.#withNegotiation(authentication(step.code, step.data)) };
      case 'derive':
        return step;
      case 'ok': {
        const last = step.last === undefined ? [] : [authentication(step.last.code, step.last.data)];
        const bytes = Buffer.concat([...last, authentication(0, Buffer.alloc(0))]);
        return {
          kind: 'authenticated',
          startup: this.#startup!,
          bytes: this.#withNegotiation(bytes),
          keys: step.keys ?? null,
          password: step.password ?? null,
        };
      }
      case 'fail':
        if (step.told !== undefined) return fail(poolerError(step.told.code, step.told.message), step.detail);
        if (isClientProtocolViolation(step.reason)) return violation('invalid authentication message', step.detail);
        this.#admission?.lookup?.forget();
        return fail(poolerError('auth_failed', this.#startup!.user), `${step.reason}: ${step.detail}`);
    }
  }

  /** NegotiateProtocolVersion goes before the first message of the authentication. */
  #withNegotiation(bytes: Buffer): Buffer {
    const negotiation = this.#negotiation;
    this.#negotiation = null;
    return negotiation === null ? bytes : Buffer.concat([negotiation, bytes]);
  }
}

function fail(error: PoolerError, detail: string): ClientLoginStep {
  return { kind: 'fail', error, detail };
}

function violation(message: string, detail = message): ClientLoginStep {
  return fail(poolerError('protocol_violation', message), detail);
}

/** Startup parameters that are not settings of the session. */
const NOT_SET = new Set(['user', 'database', 'replication', 'options']);

/** User, database and replication apart from what the session wants set. */
function sortParameters(
  parameters: ReadonlyMap<string, string>,
  gatekeeper: Gatekeeper,
): Omit<ClientStartup, 'minor'> | { readonly problem: string } {
  const wanted: [string, string][] = [];
  // Postgres: process_startup_options. The switches come first, so that a parameter by itself wins over them.
  const switches = parameters.get('options');
  if (switches !== undefined && !gatekeeper.ignoresParameter('options')) {
    const options = parseOptions(switches);
    if (!options.ok) return options;
    wanted.push(...options.parameters);
  }
  for (const [name, value] of parameters) if (!NOT_SET.has(name)) wanted.push([name, value]);
  const user = parameters.get('user') ?? '';
  const replication = readReplication(parameters.get('replication'));
  if (replication === undefined) return { problem: 'invalid value for parameter "replication"' };
  return {
    user,
    database: parameters.get('database') || user,
    parameters: ParameterSet.of(wanted.filter(([name]) => !gatekeeper.ignoresParameter(name))),
    replication,
  };
}

/** Postgres: parse_bool takes any beginning of a word that is clear. */
const BOOLEAN = { yes: /^(t(r(ue?)?)?|y(es?)?|on|1)$/i, no: /^(f(a(l(se?)?)?)?|no?|off?|0)$/i };

/** Postgres: ProcessStartupPacket: `database` is a logical walsender, a true boolean a physical one. */
function readReplication(value: string | undefined): 'physical' | 'logical' | null | undefined {
  if (value === undefined) return null;
  if (value === 'database') return 'logical';
  if (BOOLEAN.yes.test(value)) return 'physical';
  return BOOLEAN.no.test(value) ? null : undefined;
}
