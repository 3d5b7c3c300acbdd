// What the primary and its workers say to each other. Both are of one version, so a message of an unknown kind is a mistake of ours.

import type { Config } from '../config/config.ts';
import type { Beginning } from '../control.ts';
import type { QuestionName, Questions, Told } from '../observe/team.ts';
import type { Order, Outcome } from '../orders.ts';
import type { Effect, PoolName, PoolReport } from './ledger.ts';

/** Everything that a worker begins with. */
export interface Begin {
  readonly kind: 'begin';
  readonly worker: number;
  readonly workers: number;
  readonly config: Config;
  /** Where clients come in; 0: there is no TCP, or none yet. */
  readonly port: number;
  readonly quiet: boolean;
  readonly mayLackHttp: boolean;
  /** What commands have made of the pooler. */
  readonly state: Beginning;
  /** Shares of max_client_conn. */
  readonly clients: number;
}

/** What a worker is told of the whole. */
export interface CrewFacts {
  readonly kind: 'crew';
  readonly port: number;
  readonly socketPath: string | null;
  readonly clientsElsewhere: number;
  readonly deaths: number;
}

/** Calls with what they take and what they answer. */
export interface CallsOfWorkers {
  readonly order: { readonly argument: Order; readonly answer: Outcome };
  readonly ask: {
    readonly argument: { readonly name: QuestionName; readonly argument: Questions[QuestionName]['argument'] };
    readonly answer: readonly Told<Questions[QuestionName]['answer']>[];
  };
  readonly cancel: {
    readonly argument: { readonly worker: number; readonly processId: number; readonly key: Uint8Array };
    readonly answer: null;
  };
  readonly share: {
    readonly argument: {
      readonly key: string;
      readonly count: number;
      /** Of these: so many are waited for. */
      readonly needed: number;
      readonly limit: number;
    };
    readonly answer: number;
  };
  /** Resolves when nobody comes in any more, and everybody who has was handed over. */
  readonly closeDoors: { readonly argument: null; readonly answer: null };
}

export interface CallsOfPrimary {
  /** config: what a reload has read. */
  readonly perform: {
    readonly argument: { readonly order: Order; readonly config: Config | null };
    readonly answer: Outcome;
  };
  readonly answer: {
    readonly argument: { readonly name: QuestionName; readonly argument: Questions[QuestionName]['argument'] };
    readonly answer: Questions[QuestionName]['answer'];
  };
  readonly cancel: {
    readonly argument: { readonly processId: number; readonly key: Uint8Array };
    readonly answer: null;
  };
  readonly recallShare: {
    readonly argument: { readonly key: string; readonly count: number };
    readonly answer: number;
  };
  readonly ping: { readonly argument: null; readonly answer: null };
}

export interface Call {
  readonly kind: 'call';
  readonly id: number;
  readonly name: string;
  readonly argument: unknown;
}

export type Reply =
  | { readonly kind: 'reply'; readonly id: number; readonly ok: true; readonly answer: unknown }
  | { readonly kind: 'reply'; readonly id: number; readonly ok: false; readonly problem: string };

export type FromWorker =
  | Call
  | Reply
  | { readonly kind: 'pool'; readonly pool: PoolName; readonly report: PoolReport }
  | { readonly kind: 'kept'; readonly pool: PoolName; readonly count: number }
  /** Its socket is its own now. */
  | { readonly kind: 'took'; readonly client: number }
  /** Clients that have left, and how many it has without those of the console. */
  | { readonly kind: 'clients'; readonly left: number; readonly count: number }
  /** It can be told what to begin with. */
  | { readonly kind: 'hello' }
  | { readonly kind: 'up'; readonly httpPort: number }
  | { readonly kind: 'failed'; readonly message: string };

export type FromPrimary =
  | Begin
  | Call
  | CrewFacts
  | Reply
  | { readonly kind: 'effect'; readonly effect: Effect }
  /** A connection comes with it. */
  | { readonly kind: 'client'; readonly client: number; readonly isUnix: boolean };

const KINDS: ReadonlySet<string> = new Set<FromWorker['kind'] | FromPrimary['kind']>([
  'begin',
  'call',
  'client',
  'clients',
  'crew',
  'effect',
  'failed',
  'hello',
  'kept',
  'pool',
  'reply',
  'took',
  'up',
]);

/** Node itself sends messages on the same channel. */
export function isMessage(value: unknown): value is FromWorker | FromPrimary {
  if (typeof value !== 'object' || value === null || !('kind' in value)) return false;
  return typeof value.kind === 'string' && KINDS.has(value.kind);
}
