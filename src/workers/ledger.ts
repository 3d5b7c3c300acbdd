// Who may open servers, where several workers share the limits: the primary's books of permits. Pure: reports in, grants and recalls out.
//
// A permit is lent to a worker from the moment it is granted until the worker says that the socket is closed, so the sum over
// all workers never exceeds what pool/limits.ts allows. Reports are absolute where they can be: one more or less does no harm.

import type { EffectiveSettings } from '../config/effective.ts';
import { type LimitVerdict, mayOpen } from '../pool/limits.ts';

export interface PoolName {
  readonly database: string;
  readonly user: string;
}

/** What a worker says of one of its pools. */
export interface PoolReport {
  /** Servers that it wants to have, those that it has included; the same for the connection that listens. */
  readonly servers: number;
  readonly listeners: number;
  /** Clients that wait for a server, and for how long the first one has. */
  readonly waiting: number;
  readonly waitedMs: number;
  /** Clients of the pool. */
  readonly clients: number;
  /** Servers that have been idle for a while. */
  readonly spare: number;
  /** Since the last report: permits that came back, the servers' among them that were never used, and logins that are over. */
  readonly back: number;
  readonly listenersBack: number;
  readonly unused: number;
  readonly settled: number;
}

export type Effect =
  | { readonly kind: 'grant'; readonly worker: number; readonly pool: PoolName; servers: number; listeners: number }
  /** Close so many: idle ones, and where busy is true those that are released next. */
  | { readonly kind: 'recall'; readonly worker: number; readonly pool: PoolName; count: number; readonly busy: boolean }
  /** What a worker has to know of the others. */
  | {
      readonly kind: 'elsewhere';
      readonly worker: number;
      readonly pool: PoolName;
      readonly waiting: number;
      readonly minSize: number;
    };

/** The part of one worker in one pool. */
interface Part {
  readonly worker: number;
  readonly account: Account;
  servers: number;
  listeners: number;
  /** Permits with which nobody has logged in yet. */
  logins: number;
  wish: PoolReport;
  /** When its first client began to wait. */
  since: number;
  /** Servers that it was asked to close and has not yet. */
  recalled: number;
  told: { waiting: number; minSize: number };
}

interface Account {
  readonly name: PoolName;
  readonly parts: Map<number, Part>;
  servers: number;
  rotatedAt: number;
}

const NOTHING: PoolReport = {
  servers: 0,
  listeners: 0,
  waiting: 0,
  waitedMs: 0,
  clients: 0,
  spare: 0,
  back: 0,
  listenersBack: 0,
  unused: 0,
  settled: 0,
};
/** A server is closed for a client of another worker that has waited for so long; a shorter wait ends by itself more often than not. */
const ASK_BACK_MS = 20;
/** Where a server more or less is all the difference, it goes round: one worker has it for so long. */
const ROTATE_MS = 250;

export class Ledger {
  readonly #settingsOf: (pool: PoolName) => EffectiveSettings;
  readonly #accounts = new Map<string, Account>();
  readonly #ofDatabase = new Map<string, number>();
  readonly #ofUser = new Map<string, number>();
  #logins = 0;
  #effects: Effect[] = [];

  /** settingsOf: those in force. */
  constructor(settingsOf: (pool: PoolName) => EffectiveSettings) {
    this.#settingsOf = settingsOf;
  }

  /** Permits that are lent, the listening ones included. */
  get lent(): number {
    let sum = 0;
    for (const count of this.#ofDatabase.values()) sum += count;
    return sum;
  }

  get logins(): number {
    return this.#logins;
  }

  /** Permits for servers of this pool that are lent; to one worker, or to all. */
  lentOf(pool: PoolName, worker?: number): number {
    const account = this.#accounts.get(keyOf(pool));
    if (account === undefined) return 0;
    return worker === undefined ? account.servers : (account.parts.get(worker)?.servers ?? 0);
  }

  report(worker: number, pool: PoolName, report: PoolReport, now: number): void {
    const part = this.#part(worker, pool);
    this.#lend(part, -Math.min(report.back, part.servers), -Math.min(report.listenersBack, part.listeners));
    this.#countLogins(part, -Math.min(report.settled + report.unused, part.logins));
    part.recalled = part.servers === 0 ? 0 : Math.max(part.recalled - (report.back - report.unused), 0);
    part.wish = report;
    part.since = now - report.waitedMs;
    this.#forgetEmpty(part);
  }

  /** It could not close so many of those that it was asked for. */
  kept(worker: number, pool: PoolName, count: number): void {
    const part = this.#accounts.get(keyOf(pool))?.parts.get(worker);
    if (part === undefined) return;
    part.recalled = Math.max(part.recalled - count, 0);
    part.wish = { ...part.wish, spare: 0 };
  }

  /** Its process has exited: what it had is free. */
  died(worker: number): void {
    for (const account of [...this.#accounts.values()]) {
      const part = account.parts.get(worker);
      if (part === undefined) continue;
      this.#lend(part, -part.servers, -part.listeners);
      this.#countLogins(part, -part.logins);
      part.wish = NOTHING;
      this.#forgetEmpty(part);
    }
  }

  /** Grants what may be granted, asks back what somebody else needs more. After reports, and with the time. */
  settle(now: number): readonly Effect[] {
    this.#effects = [];
    const blocked = this.#grant(this.#wanting());
    for (const [part, verdict] of blocked) this.#recallFor(part, verdict, blocked, now);
    this.#shrink();
    this.#tellElsewhere(blocked);
    return this.#effects;
  }

  #wanting(): Part[] {
    const wanting: Part[] = [];
    for (const { parts } of this.#accounts.values())
      for (const part of parts.values()) if (missing(part) > 0 || lacksListener(part)) wanting.push(part);
    return wanting;
  }

  /** Those that get nothing more, each with the limit that binds. Who has least in its pool comes first, then who has waited longest. */
  #grant(wanting: readonly Part[]): Map<Part, LimitVerdict> {
    const blocked = new Map<Part, LimitVerdict>();
    const open = [...wanting].sort((a, b) => urgency(b) - urgency(a) || a.since - b.since);
    while (open.length > 0) {
      let next = open[0]!;
      for (const part of open)
        if (part.account === next.account && urgency(part) === urgency(next) && part.servers < next.servers)
          next = part;
      const isListener = lacksListener(next);
      const verdict = this.#verdict(next, isListener);
      if (verdict === 'ok') {
        this.#lend(next, isListener ? 0 : 1, isListener ? 1 : 0);
        this.#countLogins(next, 1);
        this.#granted(next, isListener);
      } else blocked.set(next, verdict);
      if (verdict !== 'ok' || (missing(next) <= 0 && !lacksListener(next))) open.splice(open.indexOf(next), 1);
    }
    return blocked;
  }

  #granted(part: Part, isListener: boolean): void {
    const { worker, account } = part;
    let effect = this.#effects.find(
      (known) => known.kind === 'grant' && known.worker === worker && known.pool === account.name,
    );
    if (effect === undefined) {
      effect = { kind: 'grant', worker, pool: account.name, servers: 0, listeners: 0 };
      this.#effects.push(effect);
    }
    if (effect.kind !== 'grant') return;
    if (isListener) effect.listeners += 1;
    else effect.servers += 1;
  }

  #verdict({ account, wish }: Part, isListener: boolean): LimitVerdict {
    const { name, servers } = account;
    const counts = {
      pool: isListener ? 0 : servers,
      database: this.#ofDatabase.get(name.database) ?? 0,
      user: this.#ofUser.get(name.user) ?? 0,
      logins: this.#logins,
    };
    return mayOpen(counts, this.#settingsOf(name), isListener ? 0 : wish.waitedMs);
  }

  /** Where a limit binds, another one's server may have to go: an idle one, or one of somebody who has more than a fair share. */
  #recallFor(part: Part, verdict: LimitVerdict, blocked: ReadonlyMap<Part, LimitVerdict>, now: number): void {
    if (verdict === 'ok' || verdict === 'max_parallel_logins' || !mayAskBack(part)) return;
    const group = this.#group(part, verdict);
    let needed = 0;
    for (const other of blocked.keys())
      if (group.includes(other) && mayAskBack(other)) needed += Math.max(missing(other), lacksListener(other) ? 1 : 0);
    let outstanding = group.reduce((sum, { recalled }) => sum + recalled, 0);
    for (; outstanding < needed; outstanding += 1) {
      const idle = best(group, ({ wish, recalled }) => wish.spare - recalled);
      if (idle !== null) {
        this.#recall(idle, false);
        continue;
      }
      const busy = this.#whoHasMore(part, group, outstanding, now);
      if (busy === null) return;
      this.#recall(busy, true);
    }
  }

  /** All that count against the limit that binds this one. */
  #group({ account }: Part, verdict: LimitVerdict): Part[] {
    const { database, user } = account.name;
    const group: Part[] = [];
    for (const other of this.#accounts.values()) {
      const isMeant =
        verdict === 'max_db_connections'
          ? other.name.database === database
          : verdict === 'max_user_connections'
            ? other.name.user === user
            : other === account;
      if (isMeant) group.push(...other.parts.values());
    }
    return group;
  }

  /** The worker with most of it, where that is more than fair; its part with most servers. */
  #whoHasMore(part: Part, group: readonly Part[], outstanding: number, now: number): Part | null {
    const held = new Map<number, number>();
    for (const { worker, servers, recalled } of group)
      held.set(worker, (held.get(worker) ?? 0) + Math.max(servers - recalled, 0));
    const own = (held.get(part.worker) ?? 0) + outstanding;
    let most: number | null = null;
    for (const [worker, count] of held)
      if (worker !== part.worker && (most === null || count > held.get(most)!)) most = worker;
    // The connection that listens has the next one that is free, whoever has it.
    if (lacksListener(part)) return best(group, ({ servers, recalled }) => servers - recalled);
    if (most === null) return null;
    const more = held.get(most)! - own;
    if (more < 1) return null;
    if (more === 1) {
      if (part.wish.waitedMs < ROTATE_MS || now - part.account.rotatedAt < ROTATE_MS) return null;
      part.account.rotatedAt = now;
    }
    return best(group, ({ worker, servers, recalled }) => (worker === most ? servers - recalled : 0));
  }

  /** A smaller pool_size than before. */
  #shrink(): void {
    for (const account of this.#accounts.values()) {
      const { pool_size, reserve_pool_size } = this.#settingsOf(account.name);
      if (pool_size === 0) continue;
      const parts = [...account.parts.values()];
      let outstanding = parts.reduce((sum, { recalled }) => sum + recalled, 0);
      for (; account.servers - outstanding > pool_size + reserve_pool_size; outstanding += 1) {
        const most = best(parts, ({ servers, recalled }) => servers - recalled);
        if (most === null) break;
        this.#recall(most, true);
      }
    }
  }

  #recall(part: Part, busy: boolean): void {
    part.recalled += 1;
    const { worker, account } = part;
    const known = this.#effects.find(
      (effect) =>
        effect.kind === 'recall' && effect.worker === worker && effect.pool === account.name && effect.busy === busy,
    );
    if (known?.kind === 'recall') known.count += 1;
    else this.#effects.push({ kind: 'recall', worker, pool: account.name, count: 1, busy });
  }

  #tellElsewhere(blocked: ReadonlyMap<Part, LimitVerdict>): void {
    const waiting = new Map<Part, number>();
    for (const [part, verdict] of blocked) {
      if (part.wish.waiting === 0 || verdict === 'max_parallel_logins') continue;
      for (const other of this.#group(part, verdict))
        if (other !== part) waiting.set(other, (waiting.get(other) ?? 0) + part.wish.waiting);
    }
    for (const account of this.#accounts.values()) {
      const { min_pool_size } = this.#settingsOf(account.name);
      for (const part of account.parts.values()) {
        const told = { waiting: waiting.get(part) ?? 0, minSize: minSizeOf(part, min_pool_size) };
        if (told.waiting === part.told.waiting && told.minSize === part.told.minSize) continue;
        part.told = told;
        this.#effects.push({ kind: 'elsewhere', worker: part.worker, pool: account.name, ...told });
      }
    }
  }

  #part(worker: number, name: PoolName): Part {
    const key = keyOf(name);
    let account = this.#accounts.get(key);
    if (account === undefined) {
      account = { name, parts: new Map(), servers: 0, rotatedAt: Number.NEGATIVE_INFINITY };
      this.#accounts.set(key, account);
    }
    let part = account.parts.get(worker);
    if (part === undefined) {
      const told = { waiting: 0, minSize: -1 };
      part = { worker, account, servers: 0, listeners: 0, logins: 0, wish: NOTHING, since: 0, recalled: 0, told };
      account.parts.set(worker, part);
    }
    return part;
  }

  #forgetEmpty(part: Part): void {
    const { account, wish, servers, listeners } = part;
    const isWanted = wish.servers > 0 || wish.listeners > 0 || wish.waiting > 0 || wish.clients > 0;
    if (servers > 0 || listeners > 0 || isWanted) return;
    account.parts.delete(part.worker);
    if (account.parts.size === 0) this.#accounts.delete(keyOf(account.name));
  }

  #lend(part: Part, servers: number, listeners: number): void {
    part.servers += servers;
    part.listeners += listeners;
    part.account.servers += servers;
    const { database, user } = part.account.name;
    add(this.#ofDatabase, database, servers + listeners);
    add(this.#ofUser, user, servers + listeners);
  }

  #countLogins(part: Part, change: number): void {
    part.logins += change;
    this.#logins += change;
  }
}

function missing({ wish, servers }: Part): number {
  return Math.max(wish.servers - servers, 0);
}

function lacksListener({ wish, listeners }: Part): boolean {
  return wish.listeners > listeners;
}

/** Whether somebody waits for it. */
function urgency(part: Part): 0 | 1 {
  return part.wish.waiting > 0 || lacksListener(part) ? 1 : 0;
}

/** It may have others' servers closed for it. */
function mayAskBack(part: Part): boolean {
  if (lacksListener(part)) return true;
  return part.wish.waiting > 0 && (part.servers === 0 || part.wish.waitedMs >= ASK_BACK_MS);
}

function best(parts: readonly Part[], of: (part: Part) => number): Part | null {
  let found: Part | null = null;
  for (const part of parts) if (of(part) > 0 && (found === null || of(part) > of(found))) found = part;
  return found;
}

/** min_pool_size is kept by the workers that have clients of the pool, each a part of it. */
function minSizeOf(part: Part, min: number): number {
  const all = [...part.account.parts.values()];
  const some = all.filter(({ wish }) => wish.clients > 0);
  const keepers = some.length > 0 ? some : all;
  const at = keepers.indexOf(part);
  if (at < 0) return 0;
  return Math.floor(min / keepers.length) + (at < min % keepers.length ? 1 : 0);
}

function add(counts: Map<string, number>, name: string, change: number): void {
  const count = (counts.get(name) ?? 0) + change;
  if (count === 0) counts.delete(name);
  else counts.set(name, count);
}

export function keyOf({ database, user }: PoolName): string {
  return `${database}\0${user}`;
}
