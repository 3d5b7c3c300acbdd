// More load than the pool can carry: how much of its peak the goodput keeps, and whether those who are let in are served in time.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { startCommand, type Target } from '../support/command.ts';
import { percentile } from './figures.ts';
import { type LoadDone, type LoadPhase, type LoadRequest, SERVICE_MS } from './overload-plan.ts';

const LOAD = fileURLToPath(new URL('overload-load.ts', import.meta.url));
const QUERY_WAIT_TIMEOUT_MS = 1_000;
/** From its arrival: what it may wait, what its statement takes, and the way there and back on a machine with much to do. */
export const DEADLINE_MS = QUERY_WAIT_TIMEOUT_MS + SERVICE_MS.most + 70;

export interface OverloadOptions {
  readonly milliseconds: number;
  /** Of the measurement of capacity, and of the run at capacity. */
  readonly peakMs: number;
  /** Offered load in capacities. */
  readonly times: number;
  readonly poolSize: number;
  readonly seed: number;
  readonly parts: readonly ('over' | 'noisy')[];
  readonly settings?: Readonly<Record<string, unknown>>;
}

export interface PhaseFigures {
  readonly offered: number;
  /** Served within the deadline, a second: on average, and in the worst whole second. */
  readonly goodput: number;
  readonly worst: number;
  /** Of those that were served: in time / all, and how long they took. */
  readonly inTime: number;
  readonly p50: number | null;
  readonly p99: number | null;
  /** How long those that were refused waited for that. */
  readonly refusedP50: number | null;
  readonly outcomes: Readonly<Record<string, number>>;
  /** Of each application: requests, and the share of them that was served in time. */
  readonly applications: Readonly<Record<string, { readonly offered: number; readonly served: number }>>;
  readonly busy: number;
}

const latency = ([, due, end]: LoadRequest) => end - due;
const isGood = (request: LoadRequest) => request[3] === 'ok' && latency(request) <= DEADLINE_MS;

export function phaseFigures({ started, requests, busy }: LoadDone, milliseconds: number): PhaseFigures {
  const served = requests.filter(([, , , outcome]) => outcome === 'ok');
  const good = served.filter(isGood);
  const seconds = Math.floor(milliseconds / 1_000);
  const perSecond = new Array<number>(seconds).fill(0);
  for (const [, , end] of good) {
    const second = Math.floor((end - started) / 1_000);
    if (second < seconds) perSecond[second]! += 1;
  }
  const outcomes: Record<string, number> = {};
  const applications: Record<string, { offered: number; served: number }> = {};
  for (const request of requests) {
    const [name, , , outcome] = request;
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    applications[name] ??= { offered: 0, served: 0 };
    applications[name].offered += 1;
    if (isGood(request)) applications[name].served += 1;
  }
  for (const one of Object.values(applications)) one.served /= one.offered;
  const refused = requests.filter(([, , , outcome]) => outcome !== 'ok');
  return {
    offered: requests.length / (milliseconds / 1_000),
    goodput: perSecond.reduce((sum, n) => sum + n, 0) / seconds,
    // The first second begins with an empty queue.
    worst: Math.min(...perSecond.slice(1)),
    inTime: good.length / served.length,
    p50: percentile(served.map(latency), 0.5),
    p99: percentile(served.map(latency), 0.99),
    refusedP50: percentile(refused.map(latency), 0.5),
    outcomes,
    applications,
    busy,
  };
}

export interface OverloadFigures {
  /** A second: what a crowd without pauses gets. */
  readonly capacity: number;
  /** What the pool can carry, offered in an open loop. */
  readonly peak: PhaseFigures;
  /** By one application, more than that. */
  readonly over: PhaseFigures | null;
  /** One application of four offers too much; the others a fifth of the capacity each. */
  readonly noisy: PhaseFigures | null;
}

export const QUIET = ['billing', 'search', 'mail'] as const;

/** Against the command in front of this Postgres. */
export async function runOverload(postgres: Target, options: OverloadOptions): Promise<OverloadFigures> {
  const { poolSize, seed, milliseconds, peakMs, times } = options;
  const pooler = await startCommand(postgres, {
    default_pool_size: poolSize,
    query_wait_timeout: `${QUERY_WAIT_TIMEOUT_MS}ms`,
    // A thousand logins are not what is measured.
    auth_type: 'trust',
    ...options.settings,
  });
  const load = fork(LOAD, { serialization: 'advanced' });
  try {
    const { host, port, user, password, database } = pooler;
    load.send({ address: { host, port, user, password, database }, seed });
    const died = once(load, 'exit').then(([code]) => Promise.reject(new Error(`the load ended with code ${code}`)));
    died.catch(() => {});
    const run = async (phase: LoadPhase): Promise<PhaseFigures> => {
      load.send(phase);
      const [done] = (await Promise.race([once(load, 'message'), died])) as [LoadDone];
      return phaseFigures(done, phase.milliseconds);
    };
    const alone = (rate: number, connections: number) => [{ application: 'shop', connections, rate }];
    // Connections for all that may wait at once; as many clients as servers, twice, keep every server busy.
    const expected = (poolSize * 1_000) / ((SERVICE_MS.least + SERVICE_MS.most) / 2);
    const connections = Math.ceil(expected * times);
    const closed = alone(poolSize * 2, connections);
    await run({ loop: 'closed', milliseconds: 1_000, parts: closed });
    const { goodput: capacity } = await run({ loop: 'closed', milliseconds: peakMs, parts: closed });
    const peak = await run({ loop: 'open', milliseconds: peakMs, parts: alone(capacity, connections) });
    const has = (part: 'over' | 'noisy') => options.parts.includes(part);
    const much = alone(capacity * times, connections);
    const over = has('over') ? await run({ loop: 'open', milliseconds, parts: much }) : null;
    const quiet = QUIET.map((application) => ({
      application,
      connections: Math.ceil(expected / 5),
      rate: capacity / 5,
    }));
    const parts = [...alone(capacity * (times - 0.6), connections), ...quiet];
    const noisy = has('noisy') ? await run({ loop: 'open', milliseconds, parts }) : null;
    return { capacity, peak, over, noisy };
  } finally {
    load.disconnect();
    await pooler.stop();
  }
}
