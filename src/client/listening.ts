// A client that listens: which of its two connections it hears, and what waits until it may hear it.
//
// Postgres sends notifications between transactions only. While a statement of the client's runs, those of the shared
// connection wait here; a server that listens for it keeps them itself.

import type { Stream } from '../net/stream.ts';
import type { Listener, Subscriber } from '../pool/listener.ts';
import type { ClientCloseReason } from '../pool/pool-client.ts';
import { type PoolerError, poolerError } from '../protocol/catalogue.ts';
import type { ErrorFields } from '../protocol/error-fields.ts';
import type { FrameReader } from '../protocol/frame-reader.ts';
import { TxStatus } from '../protocol/message-types.ts';
import type { Server } from '../server/server.ts';
import {
  channelOf,
  Feed,
  giveBackQuery,
  isPlain,
  ListenState,
  MAX_CHANNELS,
  NO_CHANNELS,
  notifierOf,
  payloadOf,
  takeQuery,
  unlistenQuery,
  withNotifier,
} from '../session/channels.ts';
import { Suspect } from '../session/suspect.ts';
import type { Stage } from './stage.ts';

/** The client that listens. */
export interface ListeningClient {
  readonly stream: Stream;
  readonly server: Server | null;
  readonly listenBuffer: number;
  stage: Stage;
  /** The shared connection can take over: the client gives its server back as soon as no transaction is open. */
  onListenerReady(): void;
  /** Its server listens, and it has been told everything that came before. */
  onChannelsTaken(): void;
  onServerReady(): void;
  close(reason: ClientCloseReason, error: PoolerError): void;
}

/** Passes a notification on. pid: of the client's own, by which it knows what it has sent itself. */
export function relayNotification(stream: Stream, reader: FrameReader, server: Server, pid: number): void {
  if (notifierOf(reader) !== server.backendPid) {
    stream.relay(reader.buffer, reader.start, reader.end);
    return;
  }
  const told = withNotifier(reader, pid);
  stream.relay(told, 0, told.length);
}

export class Listening implements Subscriber {
  readonly feed = new Feed();
  channels: ReadonlySet<string> = NO_CHANNELS;
  readonly #client: ListeningClient;
  readonly #listener: Listener;
  /** Of the shared connection: a statement of the client's runs. */
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  /** Of its server, behind the marker: what the shared connection has before that comes first. */
  #early: Buffer[] = [];
  /** Its server has answered, and the shared connection has not come to the marker. */
  #isServerDone = false;
  /** More came early than listen_buffer allows. The rest is dropped, and the client is closed when the change is over. */
  #isOverfull = false;
  /** The shared connection can hear for it. */
  #isShareable = true;

  constructor(client: ListeningClient, listener: Listener) {
    this.#client = client;
    this.#listener = listener;
  }

  /** It keeps its server only until the shared connection hears its channels. */
  get isPassing(): boolean {
    return this.#isShareable && !this.#listener.isMissing;
  }

  /** A message is about to be sent: must the server listen first? Nothing plain is behind what may open a transaction. */
  wants(server: Server, reader: FrameReader): boolean {
    if (this.feed.state !== ListenState.Shared || server.txStatus !== TxStatus.Idle) return false;
    return !server.replies.isBatchOpen && !isPlain(reader);
  }

  /** Its server listens for it while it runs what may have to do with notifications: that is then as in Postgres. */
  take(server: Server): void {
    const client = this.#client;
    client.stage = 'preparing';
    const marker = this.#listener.mark(this);
    const { markers } = this.#listener;
    this.feed.change(marker);
    this.#isServerDone = false;
    server.pins |= Suspect.Listen;
    server.channels = this.channels;
    server.stream.flush(); // a plain query may stand before it
    server.ask(takeQuery(this.channels, markers, marker), (error) => {
      if (error !== null || !this.feed.isPassedOnServer) {
        if (client.server === server) this.#failed(error);
        return;
      }
      this.#isServerDone = true;
      this.#taken();
    });
    server.attempt(unlistenQuery([markers]));
  }

  #taken(): void {
    if (!this.#isServerDone || !this.feed.isPassed) return;
    this.#isServerDone = false;
    this.feed.changed();
    if (this.#isOverfull) {
      this.#overfull();
      return;
    }
    this.#say(this.#waiting);
    this.#say(this.#early);
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#early = [];
    this.#client.onChannelsTaken();
  }

  /** The transaction is over. True: the shared connection hears everything, and the server stays until it listens no more. */
  giveBack(server: Server): boolean {
    if (!this.#mayGiveBack(server)) return false;
    const client = this.#client;
    client.stage = 'inspecting';
    const marker = this.#listener.mark(this);
    this.feed.change(marker);
    server.ask(giveBackQuery(this.#listener.markers, marker), (error) => {
      if (error !== null || !this.feed.isPassedOnServer) {
        if (client.server === server) this.#failed(error);
        return;
      }
      this.feed.changed();
      server.pins &= ~Suspect.Listen;
      server.channels = NO_CHANNELS;
      if (client.server !== server) return;
      client.stage = 'relay';
      client.onServerReady();
    });
    server.attempt('UNLISTEN *');
    return true;
  }

  #mayGiveBack(server: Server): boolean {
    if (this.feed.state !== ListenState.Server || !this.feed.isPassed) return false;
    // What is sent to one client in UTF-8 is nothing for one that reads it as something else.
    this.#isShareable = server.channels.size <= MAX_CHANNELS && server.reported.get('client_encoding') === 'UTF8';
    const isCovered = this.#listener.subscribe(this, this.#isShareable ? server.channels : NO_CHANNELS);
    return isCovered && this.#isShareable;
  }

  /** Null: it was answered, and its marker did not come. */
  #failed(error: ErrorFields | null): void {
    this.#client.close('session_not_prepared', poolerError('listen_lost', error?.message ?? 'no marker'));
  }

  #overfull(): void {
    this.#lost(poolerError('listen_buffer', String(this.#client.listenBuffer)));
  }

  #lost(error: PoolerError): void {
    this.#client.close(error.code, error);
  }

  /** The client holds no server: it hears what has waited. */
  released(): void {
    if (this.#waiting.length === 0) return;
    this.#say(this.#waiting);
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  #say(notifications: readonly Buffer[]): void {
    if (notifications.length === 0) return;
    const { stream } = this.#client;
    stream.flush(); // what was relayed before
    stream.write(Buffer.concat(notifications));
  }

  /** From the client's own server. True: it is not for the client, or not yet. */
  keeps(reader: FrameReader, server: Server, pid: number): boolean {
    const { feed } = this;
    if (feed.state === ListenState.Server) return false;
    if (channelOf(reader) === this.#listener.markers) {
      feed.passedOnServer(Number(payloadOf(reader)));
      return true;
    }
    if (!feed.hearsServer) return true;
    if (feed.state !== ListenState.Taking) return false;
    this.#isOverfull ||= this.#hasNoRoomFor(reader.end - reader.start);
    if (this.#isOverfull) return true;
    this.#waitingBytes += reader.end - reader.start;
    this.#early.push(
      notifierOf(reader) === server.backendPid
        ? withNotifier(reader, pid)
        : Buffer.from(reader.buffer.subarray(reader.start, reader.end)),
    );
    return true;
  }

  #hasNoRoomFor(bytes: number): boolean {
    const { stream, listenBuffer } = this.#client;
    return stream.unsentBytes + this.#waitingBytes + bytes > listenBuffer;
  }

  /** From the shared connection ------------------------------------------------------------------------------------- */

  onShared({ buffer, start, end }: FrameReader): void {
    const { stream, server } = this.#client;
    if (this.#hasNoRoomFor(end - start)) {
      this.#overfull();
    } else if (server === null) {
      stream.relay(buffer, start, end);
    } else {
      this.#waiting.push(Buffer.from(buffer.subarray(start, end)));
      this.#waitingBytes += end - start;
    }
  }

  flushShared(): void {
    this.#client.stream.flush();
  }

  onMarker(): void {
    this.#taken();
  }

  onCovered(): void {
    this.#client.onListenerReady();
  }

  onLost(detail: string): void {
    this.#lost(poolerError('listen_lost', detail));
  }

  /** The client is closed, or listens to nothing any more. */
  close(): void {
    this.#listener.unsubscribe(this);
  }
}
