// A client whose server was taken back inside a transaction, which was rolled back: it was told nothing while it was silent, and
// learns it at its next statement. Then it is where an application is whose statement has failed: 25P02 until ROLLBACK.
//
// The first batch gets the error from here, and so does the plain end of the transaction its answer. Everything else goes to a
// server that was brought into a failed transaction, so that Postgres itself says what it says there.

import { type ErrorFields, errorResponse, noticeResponse } from '../protocol/error-fields.ts';
import type { FrameReader } from '../protocol/frame-reader.ts';
import { Frontend, TxStatus } from '../protocol/message-types.ts';
import { commandComplete, readyForQuery } from '../protocol/writer.ts';

/** What becomes of a message. */
export const Outcome = {
  /** Answered, or nothing to answer. */
  Done: 'done',
  /** Refused: what follows is ignored up to Sync. */
  Skip: 'skip',
  /** It wants a server in a failed transaction. */
  Server: 'server',
} as const;
export type Outcome = (typeof Outcome)[keyof typeof Outcome];

/** Brings a server into a failed transaction; its error says in Postgres' log why. */
export const ENTER_FAILED = 'BEGIN; ROLLBACK TO SAVEPOINT pgsluice_reclaimed';

const ROLLED_BACK = commandComplete('ROLLBACK');
const READY_IDLE = readyForQuery(TxStatus.Idle);
const READY_FAILED = readyForQuery(TxStatus.Failed);

/** The end of a transaction and nothing else. ROLLBACK TO, AND CHAIN and PREPARED are not. */
const END = /^\s*(?:(rollback|abort)|(commit|end))(?:\s+(?:work|transaction))?(?:\s+and\s+no\s+chain)?\s*;?\s*\0?$/i;
const LONGEST_END = 64;

export class Reclaimed {
  readonly #error: ErrorFields;
  readonly #wasInBlock: boolean;
  #isTold = false;

  /** wasInBlock: BEGIN was said; else only a batch was open. */
  constructor(error: ErrorFields, wasInBlock: boolean) {
    this.#error = error;
    this.#wasInBlock = wasInBlock;
  }

  /** The client is told, and its transaction, if it was in one, is ended: it is like any other again. */
  get isOver(): boolean {
    return this.#isOver;
  }
  #isOver = false;

  /** What Sync is answered with. */
  get ready(): Buffer {
    return this.#isOver ? READY_IDLE : READY_FAILED;
  }

  get txStatus(): TxStatus {
    return this.#isOver ? TxStatus.Idle : TxStatus.Failed;
  }

  /** A message begins. write: gets what it is answered with. */
  admit(reader: FrameReader, write: (bytes: Buffer) => void): Outcome {
    switch (reader.type) {
      case Frontend.Query: {
        const end = endOf(reader);
        if (this.#wasInBlock && (end === 'rollback' || (this.#isTold && end === 'commit'))) {
          const words = this.#isTold ? [] : [noticeResponse({ ...this.#error, severity: 'WARNING' })];
          this.#isOver = true;
          write(Buffer.concat([...words, ROLLED_BACK, READY_IDLE]));
          return Outcome.Done;
        }
        return this.#refuse(write, true);
      }
      case Frontend.FunctionCall:
        return this.#refuse(write, true);
      case Frontend.Sync:
        if (!this.#isTold) return this.#refuse(write, true);
        write(this.ready);
        return Outcome.Done;
      case Frontend.Parse:
      case Frontend.Bind:
      case Frontend.Describe:
      case Frontend.Execute:
      case Frontend.Close:
        return this.#refuse(write, false);
      case Frontend.Flush:
      case Frontend.CopyData:
      case Frontend.CopyDone:
      case Frontend.CopyFail:
        return Outcome.Done; // nothing to say
      default:
        return Outcome.Server;
    }
  }

  #refuse(write: (bytes: Buffer) => void, isWholeBatch: boolean): Outcome {
    if (this.#isTold) return Outcome.Server;
    this.#isTold = true;
    this.#isOver = !this.#wasInBlock;
    write(isWholeBatch ? Buffer.concat([errorResponse(this.#error), this.ready]) : errorResponse(this.#error));
    return isWholeBatch ? Outcome.Done : Outcome.Skip;
  }
}

function endOf({ buffer, start, end, last }: FrameReader): 'rollback' | 'commit' | null {
  if (!last || end - start > LONGEST_END) return null;
  const match = END.exec(buffer.toString('latin1', start + 5, end));
  if (match === null) return null;
  return match[1] === undefined ? 'commit' : 'rollback';
}
