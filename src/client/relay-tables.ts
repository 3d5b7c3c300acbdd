// Which of a client's messages are gathered before they are looked at, and how much of them.

import { type HeadTable, type HoldTable, headTable, holdTable } from '../protocol/frame-reader.ts';
import { Frontend } from '../protocol/message-types.ts';

/** A statement that is prepared by name is kept, so it has to be whole; a longer one keeps its server to the client. */
const MAX_PARSE = 65_536;
/** Describe and Close are a name. */
const MAX_NAME = 4_096;
/** Where the names of a Bind have to end. Postgres looks at 63 bytes of each (NAMEDATALEN). */
const BIND_HEAD = 512;

/** FunctionCall up to the function's oid. */
const CALL_HEAD = 9;

export interface RelayTables {
  readonly hold: HoldTable;
  readonly heads: HeadTable;
}

/** classifyMaxBytes: the longest statement that is searched. */
export function makeRelayTables(classifyMaxBytes: number): RelayTables {
  const hold = holdTable([Frontend.Query], classifyMaxBytes);
  hold[Frontend.Parse] = Math.max(classifyMaxBytes, MAX_PARSE);
  hold[Frontend.Describe] = MAX_NAME;
  hold[Frontend.Close] = MAX_NAME;
  return { hold, heads: makeHeads() };
}

function makeHeads(): HeadTable {
  const heads = headTable([Frontend.Bind], BIND_HEAD);
  heads[Frontend.FunctionCall] = CALL_HEAD;
  return heads;
}
