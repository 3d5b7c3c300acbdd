// What the advisor needs to know of each pool: the last minute by tenths of a second, and how it did at each number of held servers.
//
// Everything is read from what is counted anyway, once a tick of the timer: nothing here is on the way of a statement.

import type { Ceiling, Level, Measured, Slot } from '../advisor/measured.ts';
import { holderState, isUnused, silentSince } from '../guard/gaps.ts';
import { clientOf } from '../guard/holders.ts';
import type { Pool } from '../pool/pool.ts';
import type { Pools } from '../pool/pools.ts';
import { type BucketCounts, quantile, since, total } from '../util/histogram.ts';
import type { RecentTimes } from './times.ts';

/** A minute, at the timer's ten ticks a second. */
const SLOTS = 600;
/** Pools beyond so many get no advice. */
const MAX_POOLS = 32;
const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
/** More servers than this count as so many. */
const MAX_LEVEL = 128;
/** What was seen at a level is worth half as much after an hour. */
const FADING = 0.5 ** (1 / 60);
/** Names come from strangers. */
const MAX_NAMES = 50;

/** Counters of a pool that only grow. */
const COUNTED = [
  'arrivals',
  'holds',
  'holdMs',
  'xacts',
  'queryMs',
  'refused',
  'leaks',
  'logins',
  'endedByAge',
  'endedByIdleness',
] as const;
type Counted = Record<(typeof COUNTED)[number], number>;
/** What stands at one moment. */
const SEEN = ['held', 'idleInTransaction', 'leaking', 'pinned', 'waiting'] as const;
type Seen = Record<(typeof SEEN)[number], number>;
const FIELDS = 1 + COUNTED.length + SEEN.length;
/** In the order of the ring. */
const AT = Object.fromEntries(['ms', ...COUNTED, ...SEEN].map((name, i) => [name, i])) as Record<
  keyof Counted | keyof Seen | 'ms',
  number
>;

export class Samples {
  readonly #pools = new Map<Pool, PoolSamples>();

  /** From the timer. */
  tick(pools: Pools, now: number): void {
    for (const [pool, samples] of this.#pools) {
      if (pool.state === 'closed' || pool.settings.advice_wait_target === 0) this.#pools.delete(pool);
      else samples.tick(now);
    }
    if (this.#pools.size === MAX_POOLS || this.#pools.size === pools.size) return;
    for (const pool of pools) {
      if (this.#pools.size === MAX_POOLS) return;
      if (pool.settings.advice_wait_target > 0 && !this.#pools.has(pool))
        this.#pools.set(pool, new PoolSamples(pool, now));
    }
  }

  /** Those of which something is kept. */
  get pools(): Iterable<Pool> {
    return this.#pools.keys();
  }

  /** null: nothing is kept of this pool. */
  measured(pool: Pool, pools: Pools, times: RecentTimes, peak: Measured['peak']): Measured | null {
    const samples = this.#pools.get(pool);
    if (samples === undefined) return null;
    const waits = times.counts(pool, 'wait');
    const holds = times.counts(pool, 'hold');
    return { ...samples.read(), waits, holds, ceiling: ceilingOf(pool, pools), peak };
  }
}

class PoolSamples {
  readonly #pool: Pool;
  readonly #ring = new Float32Array(SLOTS * FIELDS);
  #next = 0;
  #length = 0;
  #lastAt: number;
  #before: Counted;
  readonly #levels = Array.from({ length: MAX_LEVEL + 1 }, () => ({
    heldSeconds: 0,
    seconds: 0,
    xacts: 0,
    xactMs: 0,
    medianMs: 0,
  }));
  /** The second that is not over: when it began, and held servers x ms since then. */
  #secondAt: number;
  #heldMs = 0;
  #xactsBefore: BucketCounts;
  #xactMsBefore: number;
  #minuteAt: number;
  #idle = new Map<string, number>();
  #idleBefore = new Map<string, number>();

  constructor(pool: Pool, now: number) {
    this.#pool = pool;
    this.#lastAt = now;
    this.#secondAt = now;
    this.#minuteAt = now;
    this.#before = countedOf(pool);
    this.#xactsBefore = pool.stats.xacts.counts.slice();
    this.#xactMsBefore = pool.stats.xacts.sumMs;
  }

  tick(now: number): void {
    const ms = now - this.#lastAt;
    if (ms <= 0) return;
    this.#lastAt = now;
    const counted = countedOf(this.#pool);
    const seen = this.#look(now);
    const at = this.#next * FIELDS;
    this.#ring[at] = ms;
    for (const name of COUNTED) this.#ring[at + AT[name]] = counted[name] - this.#before[name];
    for (const name of SEEN) this.#ring[at + AT[name]] = seen[name];
    // Who came and waits still has not been counted; who was counted now may have come before.
    const waitingBefore =
      this.#length === 0 ? 0 : this.#ring[((this.#next + SLOTS - 1) % SLOTS) * FIELDS + AT.waiting]!;
    const came = this.#ring[at + AT.arrivals]! + seen.waiting - waitingBefore;
    this.#ring[at + AT.arrivals] = Math.max(came, 0);
    this.#before = counted;
    this.#next = (this.#next + 1) % SLOTS;
    if (this.#length < SLOTS) this.#length += 1;
    this.#heldMs += seen.held * ms;
    if (now - this.#secondAt >= SECOND_MS) this.#endSecond(now);
    if (now - this.#minuteAt >= MINUTE_MS) this.#endMinute(now);
  }

  #look(now: number): Seen {
    const { active } = this.#pool.servers;
    const { leak_detection_threshold: threshold } = this.#pool.settings;
    const seen = { held: active.length, idleInTransaction: 0, leaking: 0, pinned: 0, waiting: this.#pool.queue.length };
    for (const server of active) {
      const client = clientOf(server);
      if (client === null) continue;
      const state = holderState(server, client);
      if (state === 'pinned' || state === 'session') seen.pinned += 1;
      if (!isUnused(state)) continue;
      seen.idleInTransaction += 1;
      // Also where the guard is off, and told of nothing.
      if (threshold > 0 && now - silentSince(server, client) >= threshold) seen.leaking += 1;
      const name = client.applicationName;
      if (this.#idle.size < MAX_NAMES || this.#idle.has(name)) this.#idle.set(name, (this.#idle.get(name) ?? 0) + 1);
    }
    return seen;
  }

  #endSecond(now: number): void {
    const ms = now - this.#secondAt;
    const held = this.#heldMs / ms;
    const { counts, sumMs } = this.#pool.stats.xacts;
    const xactMs = sumMs - this.#xactMsBefore;
    const took = since(counts, this.#xactsBefore);
    this.#secondAt = now;
    this.#heldMs = 0;
    this.#xactsBefore = counts.slice();
    this.#xactMsBefore = sumMs;
    if (held === 0) return;
    const level = this.#levels[Math.min(Math.max(Math.round(held), 1), MAX_LEVEL)]!;
    const xacts = total(took);
    level.seconds += ms / 1_000;
    level.heldSeconds += (held * ms) / 1_000;
    level.xacts += xacts;
    level.xactMs += xactMs;
    level.medianMs += quantile(took, 0.5) * xacts;
  }

  #endMinute(now: number): void {
    this.#minuteAt = now;
    this.#idleBefore = this.#idle;
    this.#idle = new Map();
    for (const level of this.#levels) {
      level.heldSeconds *= FADING;
      level.seconds *= FADING;
      level.xacts *= FADING;
      level.xactMs *= FADING;
      level.medianMs *= FADING;
    }
  }

  read(): Omit<Measured, 'waits' | 'holds' | 'ceiling' | 'peak'> {
    const { pool_size: poolSize, advice_wait_target: waitTargetMs } = this.#pool.settings;
    const first = (this.#next - this.#length + SLOTS) % SLOTS;
    const rows = Array.from({ length: this.#length }, (_, i) => {
      const at = ((first + i) % SLOTS) * FIELDS;
      return this.#ring.subarray(at, at + FIELDS);
    });
    const sum = (name: keyof Counted) => rows.reduce((all, row) => all + row[AT[name]]!, 0);
    const slots: Slot[] = rows.map((row) => ({
      ms: row[AT.ms]!,
      arrivals: row[AT.arrivals]!,
      held: row[AT.held]!,
      idleInTransaction: row[AT.idleInTransaction]!,
      pinned: row[AT.pinned]!,
      waiting: row[AT.waiting]!,
    }));
    return {
      poolSize,
      waitTargetMs,
      slots,
      holdMs: sum('holdMs') / Math.max(sum('holds'), 1),
      xacts: sum('xacts'),
      queryMs: sum('queryMs'),
      refused: sum('refused'),
      // One that was found before is one as long as its server is held.
      leaks: Math.max(sum('leaks'), rows.at(-1)?.[AT.leaking] ?? 0),
      logins: sum('logins'),
      endedByAge: sum('endedByAge'),
      endedByIdleness: sum('endedByIdleness'),
      idlest: this.#idlest(),
      levels: this.#readLevels(),
    };
  }

  #readLevels(): Level[] {
    return this.#levels
      .filter(({ seconds }) => seconds > 0)
      .map(({ heldSeconds, seconds, xacts, xactMs, medianMs }) => ({
        held: heldSeconds / seconds,
        seconds,
        xacts,
        xactMs: xacts === 0 ? 0 : xactMs / xacts,
        medianMs: xacts === 0 ? 0 : medianMs / xacts,
      }));
  }

  #idlest(): Measured['idlest'] {
    const counts = new Map(this.#idleBefore);
    for (const [name, count] of this.#idle) counts.set(name, (counts.get(name) ?? 0) + count);
    const [most] = [...counts].sort(([, a], [, b]) => b - a);
    if (most === undefined) return null;
    const all = [...counts.values()].reduce((sum, count) => sum + count, 0);
    return { application: most[0], share: most[1] / all };
  }
}

function countedOf({ stats }: Pool): Counted {
  return {
    arrivals: stats.waits.count,
    holds: stats.holds.count,
    holdMs: stats.holds.sumMs,
    xacts: stats.xactCount,
    queryMs: stats.queryTimeMs,
    refused: stats.waitTimeoutCount + stats.queueFullCount + stats.shedCount,
    leaks: [...stats.leaks].reduce((sum, [, count]) => sum + count, 0),
    logins: stats.serverLoginCount,
    endedByAge: stats.serverCloses.of('server_lifetime'),
    endedByIdleness: stats.serverCloses.of('server_idle_timeout'),
  };
}

/** What bounds the pool beside its own size. */
function ceilingOf(pool: Pool, pools: Pools): Ceiling | null {
  const { max_db_connections: ofDatabase, max_user_connections: ofUser } = pool.settings;
  const { lastLoginError, serverCount, servers } = pool;
  const ceilings: Ceiling[] = [];
  if (ofDatabase > 0) {
    const others = pools.serversOfDatabase(pool.database) - serverCount;
    ceilings.push({ servers: Math.max(ofDatabase - others, 1), because: 'max_db_connections' });
  }
  if (ofUser > 0) {
    const others = pools.serversOfUser(pool.user) - serverCount;
    ceilings.push({ servers: Math.max(ofUser - others, 1), because: 'max_user_connections' });
  }
  // Postgres: too_many_connections; max_connections, or a CONNECTION LIMIT of the role or database.
  if (lastLoginError?.sqlstate === '53300')
    ceilings.push({ servers: Math.max(serverCount - servers.login.length, 1), because: 'Postgres (53300)' });
  return ceilings.sort((a, b) => a.servers - b.servers)[0] ?? null;
}
