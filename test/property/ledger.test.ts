// The primary's books against a model: workers that ask, open, close, die and come back, over channels that deliver late but in order.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { EffectiveSettings } from '../../src/config/effective.ts';
import { type Effect, keyOf, Ledger, type PoolName, type PoolReport } from '../../src/workers/ledger.ts';
import { settings } from '../support/settings.ts';

const POOLS: readonly PoolName[] = [
  { database: 'a', user: 'x' },
  { database: 'a', user: 'y' },
  { database: 'b', user: 'x' },
];
const WORKERS = [1, 2, 3];

/** What a worker of the model has of one pool. */
interface Account {
  granted: number;
  idle: number;
  busy: number;
  logins: number;
  waiting: number;
  waitedMs: number;
  recalled: number;
  back: number;
  unused: number;
  settled: number;
}

type ToWorker = Effect;
type ToPrimary =
  | { readonly kind: 'report'; readonly pool: PoolName; readonly report: PoolReport }
  | { readonly kind: 'kept'; readonly pool: PoolName; readonly count: number };

class ModelWorker {
  readonly number: number;
  readonly accounts = new Map<string, Account>();
  readonly inbox: ToWorker[] = [];
  outbox: ToPrimary[] = [];

  constructor(number: number) {
    this.number = number;
  }

  of(pool: PoolName): Account {
    const key = keyOf(pool);
    let account = this.accounts.get(key);
    if (account === undefined) {
      account = {
        granted: 0,
        idle: 0,
        busy: 0,
        logins: 0,
        waiting: 0,
        waitedMs: 0,
        recalled: 0,
        back: 0,
        unused: 0,
        settled: 0,
      };
      this.accounts.set(key, account);
    }
    return account;
  }

  open(pool: PoolName): number {
    const { idle, busy, logins } = this.of(pool);
    return idle + busy + logins;
  }

  report(pool: PoolName): void {
    const account = this.of(pool);
    const missing = Math.max(account.waiting - account.logins, 0);
    const report = {
      servers: this.open(pool) + missing,
      listeners: 0,
      waiting: account.waiting,
      waitedMs: account.waitedMs,
      clients: account.waiting + account.busy,
      spare: account.idle,
      back: account.back,
      listenersBack: 0,
      unused: account.unused,
      settled: account.settled,
    };
    account.back = 0;
    account.unused = 0;
    account.settled = 0;
    this.outbox.push({ kind: 'report', pool, report });
  }

  /** A server that is free goes to a waiting client, or is closed because it was asked for. */
  settle(pool: PoolName): void {
    const account = this.of(pool);
    while (account.idle > 0 && account.recalled > 0) this.close(account, 'idle');
    const served = Math.min(account.idle, account.waiting);
    account.idle -= served;
    account.busy += served;
    account.waiting -= served;
    if (served > 0) account.waitedMs = 0;
    this.report(pool);
  }

  close(account: Account, list: 'idle' | 'busy' | 'logins'): void {
    if (account[list] === 0) return;
    account[list] -= 1;
    account.granted -= 1;
    account.back += 1;
    if (list === 'logins') account.settled += 1;
    if (account.recalled > 0) account.recalled -= 1;
  }

  receive(): void {
    const effect = this.inbox.shift();
    if (effect === undefined || effect.kind === 'elsewhere') return;
    const account = this.of(effect.pool);
    if (effect.kind === 'grant') {
      account.granted += effect.servers;
      const wanted = Math.min(Math.max(account.waiting - account.logins, 0), effect.servers);
      account.logins += wanted;
      account.granted -= effect.servers - wanted;
      account.back += effect.servers - wanted;
      account.unused += effect.servers - wanted;
      this.report(effect.pool);
      return;
    }
    const taken = Math.min(effect.count, Math.max(this.open(effect.pool) - account.recalled, 0));
    account.recalled += taken;
    let closed = 0;
    for (; closed < taken && account.idle > 0; closed += 1) this.close(account, 'idle');
    const rest = effect.busy ? 0 : taken - closed;
    account.recalled -= rest;
    const kept = effect.count - taken + rest;
    if (kept > 0) this.outbox.push({ kind: 'kept', pool: effect.pool, count: kept });
    this.report(effect.pool);
  }
}

class World {
  settings: EffectiveSettings = settings({ pool_size: 3, max_parallel_logins: 4 });
  readonly ledger = new Ledger(() => this.settings);
  readonly workers = new Map(WORKERS.map((number) => [number, new ModelWorker(number)]));
  now = 0;

  worker(number: number): ModelWorker {
    return this.workers.get(number)!;
  }

  /** The primary takes the oldest message of a worker. */
  deliver(number: number): void {
    const message = this.worker(number).outbox.shift();
    if (message === undefined) return;
    if (message.kind === 'report') this.ledger.report(number, message.pool, message.report, this.now);
    else this.ledger.kept(number, message.pool, message.count);
    this.settle();
  }

  settle(): void {
    const before = this.lent();
    for (const effect of this.ledger.settle(this.now)) this.workers.get(effect.worker)!.inbox.push(effect);
    this.expectLimits(before);
  }

  lent(): Map<string, number> {
    return new Map(POOLS.map((pool) => [keyOf(pool), this.ledger.lentOf(pool)]));
  }

  /** What is lent never grows beyond a limit; what is open is never more than what is lent. */
  expectLimits(before: ReadonlyMap<string, number>): void {
    const { pool_size, reserve_pool_size, max_db_connections, max_user_connections, max_parallel_logins } =
      this.settings;
    const sum = (lent: ReadonlyMap<string, number>, isMeant: (pool: PoolName) => boolean) =>
      POOLS.filter(isMeant).reduce((total, pool) => total + lent.get(keyOf(pool))!, 0);
    const after = this.lent();
    const bounds: [string, (pool: PoolName) => boolean, number][] = [
      ...POOLS.map((pool): [string, (other: PoolName) => boolean, number] => [
        `pool ${pool.database}/${pool.user}`,
        (other) => other === pool,
        pool_size + reserve_pool_size,
      ]),
      ['database a', ({ database }) => database === 'a', max_db_connections || 99],
      ['user x', ({ user }) => user === 'x', max_user_connections || 99],
    ];
    for (const [what, isMeant, limit] of bounds) {
      const most = Math.max(limit, sum(before, isMeant));
      if (sum(after, isMeant) > most) throw new Error(`${what}: ${sum(after, isMeant)} of ${most}`);
    }
    for (const pool of POOLS) {
      let open = 0;
      for (const worker of this.workers.values()) open += worker.open(pool);
      if (open > after.get(keyOf(pool))!) throw new Error(`${open} are open, ${after.get(keyOf(pool))} lent`);
    }
    if (this.ledger.logins > Math.max(max_parallel_logins, this.loginsBefore)) throw new Error('too many logins');
    this.loginsBefore = this.ledger.logins;
  }
  loginsBefore = 0;
}

interface Step {
  run(world: World): void;
  toString(): string;
}

function step(name: string, run: (world: World) => void): Step {
  return { run, toString: () => name };
}

const worker = fc.constantFrom(...WORKERS);
const pool = fc.constantFrom(...POOLS);
const place = fc.tuple(worker, pool);
const at = ([number, { database, user }]: [number, PoolName]) => `${number}, ${database}/${user}`;

const steps = fc.oneof(
  fc.tuple(place, fc.integer({ min: 1, max: 5 }), fc.constantFrom(0, 30, 400, 6_000)).map(([where, count, waitedMs]) =>
    step(`wait(${at(where)}, ${count}, ${waitedMs})`, (world) => {
      const account = world.worker(where[0]).of(where[1]);
      account.waiting = count;
      account.waitedMs = waitedMs;
      world.worker(where[0]).settle(where[1]);
    }),
  ),
  place.map((where) =>
    step(`log in(${at(where)})`, (world) => {
      const account = world.worker(where[0]).of(where[1]);
      account.idle += account.logins;
      account.settled += account.logins;
      account.logins = 0;
      world.worker(where[0]).settle(where[1]);
    }),
  ),
  place.map((where) =>
    step(`release(${at(where)})`, (world) => {
      const account = world.worker(where[0]).of(where[1]);
      account.idle += account.busy;
      account.busy = 0;
      world.worker(where[0]).settle(where[1]);
    }),
  ),
  fc.tuple(place, fc.constantFrom('idle', 'busy', 'logins')).map(([where, list]) =>
    step(`close(${at(where)}, ${list})`, (world) => {
      const one = world.worker(where[0]);
      one.close(one.of(where[1]), list as 'idle');
      one.settle(where[1]);
    }),
  ),
  worker.map((number) => step(`primary reads ${number}`, (world) => world.deliver(number))),
  worker.map((number) => step(`worker ${number} reads`, (world) => world.worker(number).receive())),
  worker.map((number) =>
    step(`worker ${number} dies`, (world) => {
      world.workers.set(number, new ModelWorker(number));
      world.ledger.died(number);
      world.settle();
    }),
  ),
  fc
    .record({
      pool_size: fc.integer({ min: 1, max: 4 }),
      reserve_pool_size: fc.integer({ min: 0, max: 1 }),
      max_db_connections: fc.integer({ min: 0, max: 4 }),
      max_user_connections: fc.integer({ min: 0, max: 4 }),
      max_parallel_logins: fc.integer({ min: 1, max: 4 }),
      min_pool_size: fc.integer({ min: 0, max: 2 }),
    })
    .map((change) =>
      step(`reload(${JSON.stringify(change)})`, (world) => {
        world.settings = { ...world.settings, ...change };
        world.settle();
      }),
    ),
  fc.constant(
    step('time', (world) => {
      world.now += 300;
      world.settle();
    }),
  ),
);

/** Everybody reads, releases and logs in, again and again: each that waits has to be served at some time. At a limit over several pools a busy one may keep what it has, as in one process. */
function finish(world: World): void {
  world.settings = { ...world.settings, max_db_connections: 0, max_user_connections: 0 };
  const served = new Set<string>();
  const hoped = new Set<string>();
  for (const one of world.workers.values())
    for (const name of POOLS) {
      one.of(name).waiting = 1;
      hoped.add(`${one.number} ${keyOf(name)}`);
    }
  for (let round = 0; round < 400 && served.size < hoped.size; round += 1) {
    world.now += 100;
    for (const one of world.workers.values()) {
      for (const name of POOLS) {
        const account = one.of(name);
        account.waitedMs += 100;
        account.idle += account.busy + account.logins;
        account.settled += account.logins;
        account.busy = 0;
        account.logins = 0;
        one.settle(name);
        if (account.busy > 0) served.add(`${one.number} ${keyOf(name)}`);
        // All go on wanting.
        account.waiting = 1;
        one.report(name);
      }
    }
    world.settle();
    for (const one of world.workers.values()) {
      while (one.outbox.length > 0) world.deliver(one.number);
      while (one.inbox.length > 0) one.receive();
      while (one.outbox.length > 0) world.deliver(one.number);
    }
  }
  const starved = [...hoped].filter((name) => !served.has(name));
  if (starved.length > 0) throw new Error(`never served: ${starved.join(', ').replaceAll('\0', '/')}`);
}

test('whatever workers do and in whichever order messages come, no limit is passed, and nobody waits for ever', () => {
  fc.assert(
    fc.property(fc.array(steps, { maxLength: 80 }), (run) => {
      const world = new World();
      for (const one of run) one.run(world);
      finish(world);
      for (const number of WORKERS) world.ledger.died(number);
      expect(world.ledger.lent).toBe(0);
      expect(world.ledger.logins).toBe(0);
    }),
    { numRuns: Number(process.env.FUZZ_RUNS ?? 1_500) },
  );
});
