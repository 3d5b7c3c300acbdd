// What a client is told when a batch of its statements can't be served: the protocol's rules for an error, kept in
// Postgres' stead. Everything received is refused: an extended batch up to its Sync, and whatever stands behind it.
//
// What follows a refused BEGIN would run outside a transaction. So where a refused batch may open one and more was
// received, or its end has not come yet, the answer has to be FATAL.

import type { FrameReader } from '../protocol/frame-reader.ts';
import { Frontend, TxStatus } from '../protocol/message-types.ts';
import { readyForQuery } from '../protocol/writer.ts';

export interface Refusal {
  /** Replies to everything that was received. */
  readonly replies: Buffer[];
  /** The last batch was extended and its Sync has not come: what comes is ignored up to it. */
  readonly skipping: boolean;
  /** The client must be closed: a transaction may have been refused whose statements follow. */
  readonly isFatal: boolean;
  /** The client said good-bye behind it. */
  readonly terminated: boolean;
}

const READY = readyForQuery(TxStatus.Idle);
/** BEGIN and START TRANSACTION as words anywhere: rather one client too many closed than one UPDATE in autocommit. */
const OPENS_TRANSACTION = /\b(begin|start)\b/i;

/**
 * Reads all that the reader holds. error: the ErrorResponse that each batch gets. ready: its ReadyForQuery; inside a failed
 * transaction nothing runs in autocommit, whatever follows.
 */
export function refuseAll(reader: FrameReader, error: Buffer, moreOnTheWay: boolean, ready: Buffer = READY): Refusal {
  const replies: Buffer[] = [];
  let batches = 0;
  let skipping = false;
  let opens = false;
  while (reader.next()) {
    if (!reader.first) continue;
    const type = reader.type;
    if (type === Frontend.Terminate) return { replies, skipping, isFatal: false, terminated: true };
    if (type === Frontend.Sync) {
      replies.push(ready);
      skipping = false;
    } else if (!skipping && (type === Frontend.Query || type === Frontend.FunctionCall)) {
      replies.push(error, ready);
      batches += 1;
    } else if (!skipping && isExtended(type)) {
      replies.push(error);
      skipping = true;
      batches += 1;
    }
    opens ||= mayOpenTransaction(reader);
  }
  const partial = skipping || !reader.atBoundary || moreOnTheWay;
  return { replies, skipping, isFatal: ready === READY && opens && (batches > 1 || partial), terminated: false };
}

/** Messages of an extended batch: answered by an error, then ignored up to Sync. */
export function isExtended(type: number): boolean {
  return (
    type === Frontend.Parse ||
    type === Frontend.Bind ||
    type === Frontend.Describe ||
    type === Frontend.Execute ||
    type === Frontend.Close
  );
}

function mayOpenTransaction(reader: FrameReader): boolean {
  if (reader.type === Frontend.Query || reader.type === Frontend.Parse) {
    return !reader.last || OPENS_TRANSACTION.test(reader.buffer.toString('latin1', reader.start + 5, reader.end));
  }
  // A Bind of a statement that was prepared earlier: its text was not in this batch.
  return reader.type === Frontend.Bind && !bindsUnnamedStatement(reader);
}

/** Bind's body: portal name, then statement name. */
function bindsUnnamedStatement(reader: FrameReader): boolean {
  const portalEnd = reader.buffer.indexOf(0, reader.start + 5);
  return portalEnd >= 0 && portalEnd + 1 < reader.end && reader.buffer[portalEnd + 1] === 0;
}
