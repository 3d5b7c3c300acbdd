// The one connection of a pool that listens for all its clients, and hands each notification to those that listen.
//
// It lives while somebody listens. A client comes to it and leaves it at a marker (session/channels.ts); what a client has
// committed, its own server tells. When the connection is lost, those that heard it are closed: they may have missed something.

import { randomBytes } from 'node:crypto';
import type { ErrorFields } from '../protocol/error-fields.ts';
import type { FrameReader } from '../protocol/frame-reader.ts';
import type { ServerCloseReason } from '../server/close-reason.ts';
import type { Server, ServerOwner } from '../server/server.ts';
import type { NotificationReader } from '../server/server-holder.ts';
import { moveServer, type ServerLists, serverLists } from '../server/states.ts';
import { channelOf, type Feed, listenQuery, payloadOf, unlistenQuery } from '../session/channels.ts';
import type { Clock } from '../util/clock.ts';
import { retryDelayMs } from './backoff.ts';
import type { LimitVerdict } from './limits.ts';

/** What the listener needs of its pool. */
export interface ListenerHost {
  readonly clock: Clock;
  readonly isRunning: boolean;
  /** server_login_retry, in ms. */
  readonly retryCeilingMs: number;
  mayListen(): LimitVerdict;
  openListener(startup: ReadonlyMap<string, string>, owner: ServerOwner): Server;
  /** It is counted from now on. */
  listenerOpened(): void;
  listenerLogin(server: Server): void;
  /** Its place is free. */
  listenerClosed(server: Server, reason: ServerCloseReason, error: ErrorFields | null): void;
  bug(error: unknown): void;
}

/** Whoever hears the shared connection: a client, as far as a pool knows it. */
export interface Subscriber {
  readonly feed: Feed;
  /** Changed by the listener's subscribe() alone. */
  channels: ReadonlySet<string>;
  /** A whole notification of one of its channels is under the cursor. */
  onShared(reader: FrameReader): void;
  /** What came in one go has been handed over. */
  flushShared(): void;
  /** The shared connection has passed its marker. */
  onMarker(): void;
  /** All its channels are heard now. */
  onCovered(): void;
  /** The shared connection is lost. */
  onLost(detail: string): void;
}

interface Channel {
  readonly name: string;
  readonly subscribers: Set<Subscriber>;
  /** Postgres has confirmed its LISTEN. */
  isHeard: boolean;
}

/** LISTENs that are sent in one go. */
const MAX_AT_A_TIME = 1_000;
/** Nobody has listened for so long: the connection is given up. */
const LINGER_MS = 5_000;
/** Lost, and opened again: most of its clients have gone with it. */
const REOPEN_MS = 200;
/** So long without a byte: is it still there? */
const CHECK_MS = 15_000;
const CHECK_SOON_MS = 1_000;
/** Its application_name. */
export const LISTENS = 'pgsluice listen';
const STARTUP = new Map([
  ['application_name', LISTENS],
  ['client_encoding', 'UTF8'],
]);

export class Listener implements ServerOwner, NotificationReader {
  /** The channel of markers. Its name is nobody's to guess. */
  readonly markers = `pgsluice_${randomBytes(9).toString('hex')}`;
  readonly stats = { bytesSent: 0 };
  /** Notifications handed to clients. */
  deliveredCount = 0;
  server: Server | null = null;
  /** Limits leave no room for it: the next server that becomes free makes some. */
  needsRoom = false;
  readonly #host: ListenerHost;
  readonly #lists: ServerLists<Server> = serverLists();
  readonly #subscribers = new Set<Subscriber>();
  readonly #channels = new Map<string, Channel>();
  /** To be listened to, or no more. */
  readonly #changed = new Set<Channel>();
  readonly #uncovered = new Set<Subscriber>();
  readonly #sent = new Map<number, Subscriber>();
  readonly #touched = new Set<Subscriber>();
  #lastMarker = 0;
  #failures = 0;
  #retryAt = 0;
  #usedAt = 0;

  constructor(host: ListenerHost) {
    this.#host = host;
  }

  get clientCount(): number {
    return this.#subscribers.size;
  }

  get channelCount(): number {
    return this.#channels.size;
  }

  /** It counts against the limits per database and user; pool_size is for the servers that run statements. */
  get connections(): 0 | 1 {
    return this.server === null ? 0 : 1;
  }

  /** It can't be had: Postgres refuses, or the limits do. */
  get isMissing(): boolean {
    return this.needsRoom || this.#failures > 0;
  }

  /** Markers that were sent, or are about to be, and have not come. */
  get awaited(): number {
    return this.#sent.size;
  }

  /** The subscriber listens to these and to nothing else. True: all of them are heard; false: onCovered() tells when. */
  subscribe(subscriber: Subscriber, channels: ReadonlySet<string>): boolean {
    if (channels !== subscriber.channels) {
      for (const name of subscriber.channels) if (!channels.has(name)) this.#leave(subscriber, name);
      for (const name of channels) this.#join(subscriber, name);
      subscriber.channels = channels;
    }
    if (channels.size === 0) this.#subscribers.delete(subscriber);
    else this.#subscribers.add(subscriber);
    this.#usedAt = this.#host.clock.now();
    const isCovered = this.#covers(subscriber);
    if (isCovered) this.#uncovered.delete(subscriber);
    else this.#uncovered.add(subscriber);
    this.work();
    return isCovered;
  }

  unsubscribe(subscriber: Subscriber): void {
    for (const name of subscriber.channels) this.#leave(subscriber, name);
    this.#subscribers.delete(subscriber);
    this.#uncovered.delete(subscriber);
    this.#touched.delete(subscriber);
    // One that its server did not live to send is not waited for.
    for (const [marker, sender] of this.#sent) if (sender === subscriber) this.#sent.delete(marker);
    this.#usedAt = this.#host.clock.now();
    this.work();
  }

  /** A marker for a change of this subscriber, whose server is to send it. */
  mark(subscriber: Subscriber): number {
    this.#lastMarker += 1;
    this.#sent.set(this.#lastMarker, subscriber);
    return this.#lastMarker;
  }

  #join(subscriber: Subscriber, name: string): void {
    let channel = this.#channels.get(name);
    if (channel === undefined) {
      channel = { name, subscribers: new Set(), isHeard: false };
      this.#channels.set(name, channel);
    }
    channel.subscribers.add(subscriber);
    if (!channel.isHeard) this.#changed.add(channel);
  }

  #leave(subscriber: Subscriber, name: string): void {
    const channel = this.#channels.get(name);
    channel?.subscribers.delete(subscriber);
    if (channel?.subscribers.size === 0) this.#changed.add(channel);
  }

  #covers(subscriber: Subscriber): boolean {
    if (this.server === null) return subscriber.channels.size === 0;
    for (const name of subscriber.channels) if (this.#channels.get(name)?.isHeard !== true) return false;
    return true;
  }

  /** Opens the connection, or tells Postgres what has changed. */
  work(): void {
    const { server } = this;
    if (server === null) this.#open();
    else if (server.state === 'active' && !server.isAsked && this.#changed.size > 0) this.#tell(server);
  }

  #tell(server: Server): void {
    const listen: Channel[] = [];
    const unlisten: string[] = [];
    for (const channel of this.#changed) {
      if (listen.length + unlisten.length === MAX_AT_A_TIME) break;
      this.#changed.delete(channel);
      if (channel.subscribers.size > 0) {
        if (!channel.isHeard) listen.push(channel);
      } else {
        // One that comes back meanwhile is told anew.
        this.#channels.delete(channel.name);
        if (channel.isHeard) unlisten.push(channel.name);
      }
    }
    const statements = [unlistenQuery(unlisten), listenQuery(listen.map(({ name }) => name))].filter(Boolean);
    if (statements.length === 0) {
      this.work();
      return;
    }
    server.ask(statements.join(';'), (error) => {
      if (error !== null) {
        server.close('question_failed', `LISTEN failed: ${error.message}`);
        return;
      }
      for (const channel of listen) {
        channel.isHeard = true;
        if (channel.subscribers.size === 0) this.#changed.add(channel);
      }
      this.#tellCovered();
      this.work();
    });
  }

  #tellCovered(): void {
    for (const subscriber of [...this.#uncovered]) {
      if (!this.#uncovered.has(subscriber) || !this.#covers(subscriber)) continue;
      this.#uncovered.delete(subscriber);
      subscriber.onCovered();
    }
  }

  /** The connection ------------------------------------------------------------------------------------------------- */

  #open(): void {
    this.needsRoom = false;
    if (this.#subscribers.size === 0 || !this.#host.isRunning) return;
    if (this.#host.clock.now() < this.#retryAt) return;
    const verdict = this.#host.mayListen();
    this.needsRoom = verdict === 'max_db_connections' || verdict === 'max_user_connections';
    if (verdict !== 'ok') return;
    this.server = this.#host.openListener(STARTUP, this);
    this.server.subscriber = this;
    this.#lists.login.append(this.server);
    this.#host.listenerOpened();
  }

  /** Who waits for a marker can't go on. */
  get #checkMs(): number {
    return this.#sent.size > 0 ? CHECK_SOON_MS : CHECK_MS;
  }

  /** From the janitor. */
  tend(now: number): void {
    const { server } = this;
    if (this.#subscribers.size > 0) {
      if (server === null) this.work();
      else if (server.state === 'active' && !server.isAsked && now - server.activeAt >= this.#checkMs) {
        server.ask('', (error) => {
          if (error !== null) server.close('question_failed', error.message);
          else this.work();
        });
      }
    } else if (now - this.#usedAt >= LINGER_MS) server?.close('server_idle_timeout');
  }

  close(reason: ServerCloseReason, detail?: string): void {
    this.server?.close(reason, detail);
  }

  onServerPromoted(): void {}

  onServerLogin(server: Server): void {
    this.#host.listenerLogin(server);
    // Older ones than 14 have no such timeout.
    server.attempt('SET idle_session_timeout TO 0');
    moveServer(server, this.#lists, 'tested');
    server.ask(listenQuery([this.markers]), (error) => {
      if (error !== null) {
        server.close('question_failed', `LISTEN failed: ${error.message}`);
        return;
      }
      this.#failures = 0;
      moveServer(server, this.#lists, 'idle');
      moveServer(server, this.#lists, 'active');
      this.work();
    });
  }

  onServerClosed(server: Server, reason: ServerCloseReason, error: ErrorFields | null): void {
    const hasServed = server.state === 'active';
    moveServer(server, this.#lists, 'closed');
    this.server = null;
    if (!hasServed) this.#failed();
    this.#sent.clear();
    for (const channel of this.#channels.values()) {
      channel.isHeard = false;
      this.#changed.add(channel);
    }
    this.#retryAt = Math.max(this.#retryAt, this.#host.clock.now() + REOPEN_MS);
    const detail = error === null ? reason : error.message;
    for (const subscriber of [...this.#subscribers]) {
      if (subscriber.feed.isOnServer) this.#uncovered.add(subscriber);
      else subscriber.onLost(detail);
    }
    this.#host.listenerClosed(server, reason, error);
  }

  #failed(): void {
    this.#failures += 1;
    this.#retryAt = this.#host.clock.now() + retryDelayMs(this.#failures, this.#host.retryCeilingMs, Math.random());
  }

  onServerFree(): void {}

  onServerAnswered(): void {}

  onServerError(): void {}

  onServerBug(_server: Server, error: unknown): void {
    this.#host.bug(error);
  }

  /** What it hears -------------------------------------------------------------------------------------------------- */

  onNotification(reader: FrameReader): void {
    const name = channelOf(reader);
    if (name === null) return;
    if (name === this.markers) {
      this.#passed(Number(payloadOf(reader)));
      return;
    }
    const channel = this.#channels.get(name);
    if (channel === undefined) return;
    for (const subscriber of channel.subscribers) {
      if (!subscriber.feed.hearsShared) continue;
      this.deliveredCount += 1;
      this.#touched.add(subscriber);
      subscriber.onShared(reader);
    }
  }

  #passed(marker: number): void {
    const subscriber = this.#sent.get(marker);
    if (subscriber === undefined) return;
    this.#sent.delete(marker);
    subscriber.feed.passedOnShared(marker);
    subscriber.onMarker();
  }

  onNotified(): void {
    if (this.#touched.size === 0) return;
    for (const subscriber of this.#touched) subscriber.flushShared();
    this.#touched.clear();
  }
}
