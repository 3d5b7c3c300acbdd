// The kinds of frontend messages that are answered, as the bytes that a ReplyQueue keeps, and which end a batch.

import { Backend, Frontend } from '../protocol/message-types.ts';

export const PARSE = 1;
export const BIND = 2;
export const DESCRIBE = 3;
export const EXECUTE = 4;
export const CLOSE = 5;
export const SYNC = 6;
export const QUERY = 7;
export const FUNCTION_CALL = 8;
/** CopyDone, CopyFail: owes no reply; kept to know which Syncs a COPY has eaten. */
export const COPY_END = 9;
/** Our own empty query that settles whether a stray ReadyForQuery comes: what comes before its answer is that one. */
export const PROBE = 10;
/** A Close in the place of a Parse whose statement is there already: its CloseComplete becomes a ParseComplete. */
export const PARSE_AS_CLOSE = 11;
/** A simple query of ours behind a RESET: what it reports is the client's to know. */
export const RESTORE = 14;
export const KIND_MASK = 0x1f;
/** Something has to be done when it ends, or when it is dropped. */
export const TRACKED = 0x20;
/** Sent in the place of a client's statement, to fail in its stead: the client gets an error of ours. */
export const REJECTED = 0x40;
export const OURS = 0x80;

export const KIND_OF_TYPE = new Uint8Array(256);
KIND_OF_TYPE[Frontend.Parse] = PARSE;
KIND_OF_TYPE[Frontend.Bind] = BIND;
KIND_OF_TYPE[Frontend.Describe] = DESCRIBE;
KIND_OF_TYPE[Frontend.Execute] = EXECUTE;
KIND_OF_TYPE[Frontend.Close] = CLOSE;
KIND_OF_TYPE[Frontend.Sync] = SYNC;
KIND_OF_TYPE[Frontend.Query] = QUERY;
KIND_OF_TYPE[Frontend.FunctionCall] = FUNCTION_CALL;
KIND_OF_TYPE[Frontend.CopyDone] = COPY_END;
KIND_OF_TYPE[Frontend.CopyFail] = COPY_END;

/** Postgres sends these whenever it likes. */
export function isAsynchronous(type: number): boolean {
  return type === Backend.NoticeResponse || type === Backend.ParameterStatus || type === Backend.NotificationResponse;
}

/** Whether ReadyForQuery ends its reply, error or not. */
export function endsItself(kind: number): boolean {
  return kind === QUERY || kind === SYNC || kind === FUNCTION_CALL || kind === PROBE || kind === RESTORE;
}

/** Whether an extended exchange is half sent once this one was sent too. */
export function staysOpen(kind: number, open: boolean): boolean {
  return kind === SYNC || kind === QUERY || kind === FUNCTION_CALL ? false : kind !== COPY_END || open;
}
