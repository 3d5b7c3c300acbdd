// A client of the console: whole messages to the session, one after the other, and its replies back.

import type { Stream } from '../net/stream.ts';
import { type FrameReader, holdEverything } from '../protocol/frame-reader.ts';
import { Frontend } from '../protocol/message-types.ts';

/** The other end of a client that asked for the console's database. */
export interface ConsoleSession {
  /** What the client is told at login (ParameterStatus). */
  readonly report: ReadonlyMap<string, string>;
  /** A whole message (header taken off). reply is called once, with everything to send, ReadyForQuery included. */
  message(type: number, body: Buffer, reply: (bytes: Buffer) => void): void;
  /** The client is gone. */
  close(): void;
}

/** The longest command. */
const CONSOLE_TABLE = holdEverything(65_536);
/** Unread messages of a client whose command is still running: then it is read no further. */
const MAX_UNREAD_BYTES = 65_536;

/** The client. */
export interface ConsoleOwner {
  readonly stream: Stream;
  terminate(): void;
  violation(what: string): void;
}

export class ConsoleLink {
  readonly session: ConsoleSession;
  readonly #owner: ConsoleOwner;
  readonly #reader: FrameReader;
  #isBusy = false;
  #isClosed = false;

  constructor(session: ConsoleSession, owner: ConsoleOwner, reader: FrameReader) {
    this.session = session;
    this.#owner = owner;
    this.#reader = reader;
    reader.setHold(CONSOLE_TABLE);
  }

  close(): void {
    this.#isClosed = true;
    this.session.close();
  }

  process(): void {
    const reader = this.#reader;
    while (!this.#isBusy && !this.#isClosed && reader.next()) {
      if (!reader.first || !reader.last) this.#owner.violation('console message too long');
      else if (reader.type === Frontend.Terminate) this.#owner.terminate();
      else this.#hand(reader.type, Buffer.from(reader.buffer.subarray(reader.start + 5, reader.end)));
    }
    if (this.#isClosed) return;
    if (reader.error !== null) this.#owner.violation(reader.error);
    else if (reader.unreadBytes >= MAX_UNREAD_BYTES) this.#owner.stream.pauseReading();
    else this.#owner.stream.resumeReading();
  }

  #hand(type: number, body: Buffer): void {
    this.#isBusy = true;
    let isAnsweredAtOnce = true;
    this.session.message(type, body, (bytes) => {
      this.#isBusy = false;
      if (this.#isClosed) return;
      this.#owner.stream.write(bytes);
      if (!isAnsweredAtOnce) this.process();
    });
    isAnsweredAtOnce = false;
  }
}
