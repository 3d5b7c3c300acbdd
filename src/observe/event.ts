// What the flight recorder keeps of one event, and the words for what can happen.

/** Postgres: NAMEDATALEN, less the zero byte. */
export const MAX_NAME = 63;
export const MAX_TEXT = 200;

/** What happened. SHOW EVENTS, /api/v1/events and the log use the same words. */
export const EVENT_KINDS = [
  'bug',
  'client_refused',
  'disable',
  'enable',
  'error',
  'kill',
  'leak',
  'leak_client_gone',
  'pause',
  'queue_full',
  'reclaim',
  'reconnect',
  'reload',
  'resume',
  'returned_late',
  'server_closed',
  'server_login_failed',
  'set',
  'shed',
  'shutdown',
  'stall',
  'suspect',
  'wait',
  'wait_timeout',
] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

/** What is known of an event. Texts may come from a peer: they are shortened and cleaned here. */
export interface EventFacts {
  /** A word of a small set: a code of the catalogue, a close reason, a SQLSTATE, a kind of leak. */
  readonly cause?: string;
  /** As SHOW POOLS names the pool; empty where the whole process is meant. */
  readonly database?: string;
  readonly user?: string;
  readonly application?: string;
  /** The ids of SHOW CLIENTS and SHOW SERVERS. */
  readonly client?: number;
  readonly server?: number;
  readonly durationMs?: number;
  readonly text?: string;
}

export interface EventEntry {
  /** Counts entries from 1 on. */
  readonly sequence: number;
  /** Wall clock, ms since the epoch, of the first of them. */
  readonly at: number;
  readonly kind: EventKind;
  readonly cause: string;
  readonly database: string;
  readonly user: string;
  readonly application: string;
  /** Of the first of them; 0: none. */
  readonly client: number;
  readonly server: number;
  /** The longest of them, in whole ms; 0: it took no time, or nobody knows. */
  readonly durationMs: number;
  /** How many were folded into this entry. */
  readonly count: number;
  readonly text: string;
}

/** As the log and HTTP tell it: the time as text, and nothing that is not known. */
export function toldEvent(entry: EventEntry): object {
  const { sequence, at, kind, cause, database, user, application, client, server, durationMs, count, text } = entry;
  return {
    sequence,
    time: new Date(at).toISOString(),
    kind,
    ...(cause !== '' && { cause }),
    ...(database !== '' && { database }),
    ...(user !== '' && { user }),
    ...(application !== '' && { applicationName: application }),
    ...(client !== 0 && { client }),
    ...(server !== 0 && { server }),
    ...(durationMs !== 0 && { durationMs }),
    count,
    ...(text !== '' && { text }),
  };
}

const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/u;
const ALL_UNPRINTABLE = new RegExp(UNPRINTABLE, 'gu');

/** Without control characters and at most so long. A copy where it is shortened: a part of a string would keep the whole one alive. */
export function clean(text: string, maxLength: number): string {
  const short = text.length > maxLength ? Buffer.from(text.slice(0, maxLength)).toString() : text;
  return UNPRINTABLE.test(short) ? short.replaceAll(ALL_UNPRINTABLE, ' ') : short;
}
