// Finds servers that are held and not used, says so, and takes them back when somebody else needs one.
//
// suspect -> leaked -> reclaimed | returned late | client gone. A holder is a suspect when it has been silent for longer than
// leak_reclaim_floor, and leaked after leak_detection_threshold. While clients wait, the limit is what is usual for its kind of
// transaction (kinds.ts), and the worst holder loses its server first.

import type { Client } from '../client/client.ts';
import type { Pool, PoolGuard } from '../pool/pool.ts';
import { poolerError } from '../protocol/catalogue.ts';
import type { Server } from '../server/server.ts';
import type { Clock } from '../util/clock.ts';
import { formatDuration } from '../util/duration.ts';
import { Applications } from './applications.ts';
import { type Exhaustion, exhaustionOf, holderText } from './exhaustion.ts';
import { holderState, isUnused, type LeakKind, silentSince } from './gaps.ts';
import { clientOf, type HolderRecord, holderRecord } from './holders.ts';
import { type Kind, Kinds, statementKey } from './kinds.ts';
import { statementTags } from './tags.ts';

export type LeakLife = 'leaked' | 'reclaimed' | 'returned_late' | 'client_gone';

/** One leak, as SHOW LEAKS, the log and HTTP show it. */
export interface Leak {
  readonly id: number;
  /** Wall clock, ms since the epoch: when it was found. */
  readonly at: number;
  readonly kind: LeakKind;
  life: LeakLife;
  /** Taken back before leak_detection_threshold, because it was far outside its kind. */
  readonly isEarly: boolean;
  /** Who, and how it stood when it was found, and at the end. */
  holder: HolderRecord;
  /** The silence that was allowed when it was found, and how many clients waited. */
  readonly allowedMs: number;
  readonly waiting: number;
}

export interface LeakEvents {
  leak(leak: Leak): void;
}

/** What it is that a server's holder is silent in. */
interface Suspect {
  readonly server: Server;
  readonly client: Client;
  readonly leakKind: LeakKind;
  readonly kind: Kind;
  readonly silentMs: number;
}

/** A leak whose server is still held. */
interface OpenLeak {
  readonly leak: Leak;
  readonly client: Client;
  readonly silentSince: number;
}

/** SHOW LEAKS remembers so many. */
export const REMEMBERED = 200;
/** A new waiter looks for a server to take back at most so often. */
const RELIEF_INTERVAL_MS = 10;
const NOBODY: readonly Suspect[] = [];
/** Servers that a kind in quarantine may hold: one in so many of the pool, but at least one. */
const QUARANTINE_SHARE = 10;

export class Leaks implements PoolGuard {
  readonly kinds = new Kinds();
  readonly applications = new Applications();
  readonly #clock: Clock;
  readonly #events: LeakEvents;
  readonly #waitingElsewhere: (pool: Pool) => number;
  readonly #open = new Map<Pool, Map<Server, OpenLeak>>();
  readonly #recent: Leak[] = [];
  /** When each pool that has suspects was last relieved. */
  readonly #suspected = new Map<Pool, number>();
  readonly #idOf: (count: number) => number;
  #count = 0;

  /** waitingElsewhere: clients of other pools for which a server of this one would make room. idOf: what the leak of that number is called. */
  constructor(
    clock: Clock,
    events: LeakEvents,
    waitingElsewhere: (pool: Pool) => number,
    idOf: (count: number) => number = (count) => count,
  ) {
    this.#idOf = idOf;
    this.#clock = clock;
    this.#events = events;
    this.#waitingElsewhere = waitingElsewhere;
  }

  /** Oldest first. */
  get recent(): readonly Leak[] {
    return this.#recent;
  }

  /** A transaction of several batches has ended by itself. From the pool. */
  xactEnded(server: Server): void {
    const client = clientOf(server);
    if (client !== null) this.#kindOf(server, client).ended(server.hold.longestGapMs);
  }

  /** Somebody waits. From the pool. */
  clientWaits(pool: Pool): void {
    const last = this.#suspected.get(pool);
    if (last === undefined) return;
    const now = this.#clock.now();
    if (now - last < RELIEF_INTERVAL_MS) return;
    this.#suspected.set(pool, now);
    if (pool.settings.leak_reclaim !== 'never') this.#relieve(pool, this.#suspects(pool, now), now);
  }

  /** Takes a server back because an operator says so; false where its client is not silent inside a transaction or a batch. */
  takeBack(pool: Pool, server: Server, client: Client): boolean {
    const now = this.#clock.now();
    const leakKind = holderState(server, client);
    if (client.dedicated !== null || !isUnused(leakKind)) return false;
    const silentMs = Math.max(now - silentSince(server, client), 0);
    return this.#reclaim(
      pool,
      { server, client, leakKind, kind: this.#kindOf(server, client), silentMs },
      silentMs,
      now,
    );
  }

  /** To who is refused. From the pool. */
  explain(pool: Pool): Exhaustion {
    return exhaustionOf(pool, this.#clock.now());
  }

  /** From the janitor. */
  tend(pool: Pool, now: number): void {
    const { guard, leak_detection_threshold: threshold, leak_reclaim } = pool.settings;
    const isOn = guard && threshold > 0;
    const isHeld = pool.servers.active.length > 0;
    const suspects = isOn && isHeld ? this.#suspects(pool, now) : NOBODY;
    this.applications.sample(pool, now);
    if (this.#open.size > 0) this.#settle(pool, now);
    if (suspects.length === 0) {
      this.#suspected.delete(pool);
      return;
    }
    this.#suspected.set(pool, now);
    for (const suspect of suspects)
      if (suspect.silentMs >= threshold && this.#open.get(pool)?.has(suspect.server) !== true)
        this.#found(pool, suspect, threshold, now);
    if (leak_reclaim === 'never') return;
    if (leak_reclaim === 'always') {
      for (const suspect of suspects) if (suspect.silentMs >= threshold) this.#reclaim(pool, suspect, threshold, now);
    }
    this.#relieve(pool, suspects, now);
    this.#quarantine(pool, suspects, now);
  }

  /** The pool is gone. */
  forget(pool: Pool): void {
    this.#settle(pool, this.#clock.now());
    this.#suspected.delete(pool);
  }

  /** Held, and silent for longer than the floor. */
  #suspects(pool: Pool, now: number): Suspect[] {
    const { leak_reclaim_floor: floor, leak_detection_threshold: threshold } = pool.settings;
    const least = Math.min(floor, threshold);
    const suspects: Suspect[] = [];
    for (const server of pool.servers.active) {
      // The common case, before anything is looked at more closely.
      if (now - server.activeAt < least) continue;
      const client = clientOf(server);
      if (client === null || client.dedicated !== null) continue;
      const silentMs = now - silentSince(server, client);
      if (silentMs < least) continue;
      const leakKind = holderState(server, client);
      if (isUnused(leakKind)) suspects.push({ server, client, leakKind, kind: this.#kindOf(server, client), silentMs });
    }
    return suspects;
  }

  #kindOf(server: Server, client: Client): Kind {
    const { bytes } = server.hold.first.read();
    const { route } = statementTags(bytes);
    const key = route === undefined ? statementKey(bytes) : statementKey(Buffer.from(`route ${route}`));
    return this.kinds.of(client.applicationName, key);
  }

  /** Takes back as many as clients wait for and are not on their way already; who is furthest beyond its limit goes first. */
  #relieve(pool: Pool, suspects: readonly Suspect[], now: number): void {
    if (suspects.length === 0 || pool.state !== 'running') return;
    const waiting = pool.clients.waiting.length + this.#waitingElsewhere(pool);
    let needed = waiting - pool.servers.tested.length - pool.servers.idle.length;
    if (needed <= 0) return;
    const beyond = suspects
      .map((suspect) => ({ suspect, allowedMs: this.#allowed(pool, suspect, suspects, now) }))
      .filter(({ suspect, allowedMs }) => suspect.silentMs >= allowedMs)
      .sort((a, b) => b.suspect.silentMs / b.allowedMs - a.suspect.silentMs / a.allowedMs);
    for (const { suspect, allowedMs } of beyond) {
      if (needed <= 0) return;
      if (this.#reclaim(pool, suspect, allowedMs, now)) needed -= 1;
    }
  }

  #allowed(pool: Pool, suspect: Suspect, suspects: readonly Suspect[], now: number): number {
    const { leak_detection_threshold: threshold, leak_reclaim_floor: floor } = pool.settings;
    if (suspect.kind.isQuarantined(now)) return Math.min(floor, threshold);
    const silent = suspects.filter(({ kind }) => kind === suspect.kind).length;
    return suspect.kind.allowedGapMs(silent, threshold, floor);
  }

  /** Kinds that keep leaking hold no more than a small share of the pool, whether somebody waits or not. */
  #quarantine(pool: Pool, suspects: readonly Suspect[], now: number): void {
    const share = Math.max(1, Math.floor(pool.settings.pool_size / QUARANTINE_SHARE));
    const held = new Map<Kind, number>();
    for (const { kind, server } of suspects)
      if (server.holder !== null && kind.isQuarantined(now)) held.set(kind, (held.get(kind) ?? 0) + 1);
    for (const suspect of [...suspects].sort((a, b) => b.silentMs - a.silentMs)) {
      const count = held.get(suspect.kind) ?? 0;
      if (count <= share) continue;
      if (this.#reclaim(pool, suspect, pool.settings.leak_reclaim_floor, now)) held.set(suspect.kind, count - 1);
    }
  }

  /** False: it is not the holder any more. */
  #reclaim(pool: Pool, suspect: Suspect, allowedMs: number, now: number): boolean {
    const { server, client, silentMs } = suspect;
    if (server.holder !== client) return false;
    const leak = this.#open.get(pool)?.get(server)?.leak ?? this.#record(pool, suspect, allowedMs, now);
    this.#close(pool, server);
    leak.life = 'reclaimed';
    leak.holder = holderRecord(pool, server, client, now, true);
    const detail = `${holderText(leak.holder)}; ${pool.clients.waiting.length} clients waited for one of ${pool.settings.pool_size} servers`;
    client.onServerReclaimed(poolerError('leak_reclaimed', formatDuration(Math.round(silentMs)), detail));
    this.#tell(leak);
    return true;
  }

  #found(pool: Pool, suspect: Suspect, allowedMs: number, now: number): void {
    const { server, client } = suspect;
    const leak = this.#record(pool, suspect, allowedMs, now);
    const open = this.#open.get(pool) ?? new Map<Server, OpenLeak>();
    this.#open.set(pool, open.set(server, { leak, client, silentSince: silentSince(server, client) }));
    this.#tell(leak);
  }

  #close(pool: Pool, server: Server): void {
    const open = this.#open.get(pool);
    open?.delete(server);
    if (open?.size === 0) this.#open.delete(pool);
  }

  #record(pool: Pool, { server, client, kind, leakKind, silentMs }: Suspect, allowedMs: number, now: number): Leak {
    kind.leaked(now);
    pool.stats.leaks.add(leakKind);
    this.#count += 1;
    const leak: Leak = {
      id: this.#idOf(this.#count),
      at: Date.now(),
      kind: leakKind,
      life: 'leaked',
      isEarly: silentMs < pool.settings.leak_detection_threshold,
      holder: holderRecord(pool, server, client, now, true),
      allowedMs,
      waiting: pool.clients.waiting.length,
    };
    this.#recent.push(leak);
    if (this.#recent.length > REMEMBERED) this.#recent.shift();
    return leak;
  }

  #tell(leak: Leak): void {
    this.applications.leak(leak);
    this.#events.leak(leak);
  }

  /** Leaks that have ended by themselves. */
  #settle(pool: Pool, now: number): void {
    for (const [server, open] of this.#open.get(pool) ?? []) {
      const { client, leak } = open;
      const isHeld = server.holder === client;
      if (isHeld && silentSince(server, client) === open.silentSince) {
        leak.holder = { ...leak.holder, heldMs: now - server.hold.since, silentMs: now - open.silentSince };
        continue;
      }
      this.#close(pool, server);
      leak.life = client.state === 'closed' ? 'client_gone' : 'returned_late';
      // Until it spoke again, or at most a tick later.
      leak.holder = { ...leak.holder, silentMs: Math.max((isHeld ? client.activeAt : now) - open.silentSince, 0) };
      this.#tell(leak);
    }
  }
}
