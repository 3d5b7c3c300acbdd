// Makes Postgres fail on purpose: in the place of a message that is not let through, and behind what a holder has left open.

import type { Stream } from '../net/stream.ts';
import { Frontend } from '../protocol/message-types.ts';
import { message, parse, query } from '../protocol/writer.ts';
import type { ReplyQueue } from './reply-queue.ts';
import type { ServerHolder } from './server-holder.ts';
import type { ServerStatements, StatementOp } from './statements.ts';

/** The server that something fails on. */
export interface FailingServer {
  readonly replies: ReplyQueue;
  readonly statements: ServerStatements;
  readonly stream: Stream;
  unnamedOwner: ServerHolder | null;
  /** What the reply queue has learnt of those that have an op. */
  settleOps(): void;
  syncOurs(): void;
}

/** No statement: Postgres answers with a syntax error, which the client does not see. */
const FAILING_QUERY = query('pgsluice session_policy');
const FAILING_PARSE = parse('', 'pgsluice session_policy');
const COPY_FAIL = message(Frontend.CopyFail, Buffer.from('the client is gone\0'));

class Rejection implements StatementOp {
  readonly rejection: Buffer;

  constructor(error: Buffer) {
    this.rejection = error;
  }

  done(): void {}

  undo(): void {}
}

/** In the place of a message of this type; error: what the holder is told. */
export function sendFailing(server: FailingServer, type: number, error: Buffer): void {
  const bytes = type === Frontend.Query ? FAILING_QUERY : FAILING_PARSE;
  server.stream.relay(bytes, 0, bytes.length);
  if (server.replies.isUntold) return;
  server.statements.sent(new Rejection(error));
  server.replies.rejectedSent(type);
  server.settleOps();
}

/**
 * Its holder left inside a batch or a COPY, at the end of a message. What is open is made to fail, which commits nothing (a
 * Sync alone would), and ends. False: nobody can tell what would come of that, so only closing it is left.
 */
export function failOpen(server: FailingServer): boolean {
  const { replies, stream } = server;
  if (replies.isUntold) return false;
  if (replies.isCopyIn) {
    // A Sync that was sent may or may not have been eaten by the copy.
    if (replies.isBatchOpen) return false;
    replies.sent(Frontend.CopyFail, true);
    stream.write(COPY_FAIL);
  } else if (replies.isBatchOpen) {
    server.unnamedOwner = null;
    replies.sent(Frontend.Parse, true);
    stream.relay(FAILING_PARSE, 0, FAILING_PARSE.length);
    server.syncOurs();
    stream.flush();
    server.settleOps();
  }
  return true;
}
