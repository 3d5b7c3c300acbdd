// Advice for every pool: worked out now and then, told in the log when it changes, and there for whoever asks.

import type { Advice } from '../advisor/advice.ts';
import type { Measured } from '../advisor/measured.ts';
import { mergeMeasured, tellMeasured } from '../advisor/merge-measured.ts';
import { advise, adviseInSteps } from '../advisor/model.ts';
import type { Steps } from '../advisor/steps.ts';
import { printable } from '../guard/exhaustion.ts';
import type { Pool } from '../pool/pool.ts';
import type { Pools } from '../pool/pools.ts';
import { Turns } from '../util/turns.ts';
import type { Logger } from './log.ts';
import { Peaks } from './peaks.ts';
import { Samples } from './samples.ts';
import type { MeasuredRow, Team } from './team.ts';
import type { RecentTimes } from './times.ts';

/** Of one pool; the pools take turns, so that no tick of the timer works for two. */
const INTERVAL_MS = 10_000;
/** An advice that has stood for so long is told, if it is another than the last one. */
const STANDS_MS = 30_000;
/** What somebody has asked for is not worked out again before this time is over. */
const FRESH_MS = 1_000;

interface Known {
  advice: Advice;
  at: number;
  /** Since when it says this, and what was told last. */
  since: number;
  told: string;
  readonly peaks: Peaks;
}

/** An advice that is being worked out. */
interface UnderWay {
  readonly pool: Pool;
  readonly steps: Steps<Advice>;
}
type Names = Pick<Pool, 'database' | 'user'>;

export interface AdviceRow {
  readonly database: string;
  readonly user: string;
  readonly advice: Advice;
}

export class Advisor {
  readonly #samples = new Samples();
  readonly #known = new WeakMap<Pool, Known>();
  #underWay: UnderWay | null = null;
  readonly #triedAt = new WeakMap<Pool, number>();
  readonly #times: RecentTimes;
  readonly #log: Logger;
  readonly #team: Team | null;
  #isAsking = false;

  /** team: null where the pooler is this process alone. */
  constructor(times: RecentTimes, log: Logger, team: Team | null = null) {
    this.#times = times;
    this.#log = log;
    this.#team = team;
  }

  /** From the timer. */
  tick(pools: Pools, now: number): void {
    this.#samples.tick(pools, now);
    this.#underWay ??= this.#begin(pools, now);
    if (this.#underWay === null) return;
    const { pool, steps } = this.#underWay;
    const turns = new Turns();
    let step = steps.next();
    while (step.done !== true && !turns.isOver) step = steps.next();
    if (step.done !== true) return; // the next tick goes on
    this.#underWay = null;
    this.#know(pool, step.value, now);
    this.#remember(pool, now);
    this.#tell(pool, now);
  }

  /** Of the next pool that is due; null: none is. */
  #begin(pools: Pools, now: number): UnderWay | null {
    for (const pool of this.#samples.pools) {
      if (now - (this.#triedAt.get(pool) ?? pool.createdAt) < INTERVAL_MS) continue;
      if (this.#team !== null && this.#isAsking) return null;
      this.#triedAt.set(pool, now);
      if (this.#team !== null) {
        void this.#askAll(pool, this.#team, now);
        return null;
      }
      const measured = this.#measured(pool, pools, now);
      if (measured !== null) return { pool, steps: adviseInSteps(measured) };
    }
    return null;
  }

  /** Each worker works it out for its own pools; the first that has the pool tells the log. */
  async #askAll(pool: Pool, team: Team, now: number): Promise<void> {
    this.#isAsking = true;
    const { database, user } = pool;
    const answers = await team.ask('measured', { database, user }).catch(() => []);
    this.#isAsking = false;
    const rows = answers.flatMap(({ worker, answer }) => answer.map(({ measured }) => ({ worker, measured })));
    if (rows.length === 0) return;
    this.#know(pool, advise(mergeMeasured(rows.map(({ measured }) => measured))), now);
    this.#remember(pool, now);
    if (rows[0]!.worker === team.worker) this.#tell(pool, now);
  }

  /** What this worker has measured, for a picture of all of them. of: this pool only. */
  told(pools: Pools, now: number, of: Names | null = null): MeasuredRow[] {
    return [...pools].flatMap((pool) => {
      const { database, user } = pool;
      if (of !== null && (of.database !== database || of.user !== user)) return [];
      const measured = this.#measured(pool, pools, now);
      return measured === null ? [] : [{ database, user, measured: tellMeasured(measured) }];
    });
  }

  /** null: nothing is kept of this pool, because there are too many or advice_wait_target is 0. */
  of(pool: Pool, pools: Pools, now: number): Advice | null {
    const known = this.#known.get(pool);
    return known !== undefined && now - known.at < FRESH_MS ? known.advice : this.#work(pool, pools, now);
  }

  /** What is known already, for who looks each second. */
  latest(): AdviceRow[] {
    return [...this.#samples.pools].flatMap((pool) => {
      const advice = this.#known.get(pool)?.advice;
      return advice === undefined ? [] : [{ database: pool.database, user: pool.user, advice }];
    });
  }

  rows(pools: Pools, now: number): AdviceRow[] {
    return [...pools].flatMap((pool) => {
      const advice = this.of(pool, pools, now);
      return advice === null ? [] : [{ database: pool.database, user: pool.user, advice }];
    });
  }

  #measured(pool: Pool, pools: Pools, now: number): Measured | null {
    return this.#samples.measured(pool, pools, this.#times, this.#known.get(pool)?.peaks.most(now) ?? null);
  }

  #work(pool: Pool, pools: Pools, now: number): Advice | null {
    const measured = this.#measured(pool, pools, now);
    if (measured === null) {
      this.#known.delete(pool);
      return null;
    }
    return this.#know(pool, advise(measured), now);
  }

  #know(pool: Pool, advice: Advice, now: number): Advice {
    const known = this.#known.get(pool);
    if (known === undefined) this.#known.set(pool, { advice, at: now, since: now, told: '', peaks: new Peaks() });
    else {
      if (!isSame(known.advice, advice)) known.since = now;
      known.advice = advice;
      known.at = now;
    }
    return advice;
  }

  /** What a minute has asked for counts for a day: nobody should lose at night what is needed by day. */
  #remember(pool: Pool, now: number): void {
    const { advice, peaks } = this.#known.get(pool)!;
    const { sizeNow, cause, confidence } = advice;
    const isSure = confidence === 'medium' || confidence === 'high';
    if (isSure && sizeNow !== null && cause !== 'leak' && cause !== 'postgres_saturated') peaks.add(sizeNow, now);
  }

  #tell(pool: Pool, now: number): void {
    const known = this.#known.get(pool);
    if (known === undefined || now - known.since < STANDS_MS) return;
    const { cause, size, confidence, title, arithmetic, advice, change } = known.advice;
    if (confidence === 'none' || confidence === 'low') return;
    const words = `${cause} ${size}`;
    if (words === known.told) return;
    // One that has nothing to say is told only when it takes something back.
    const isNews = cause !== 'fits' || known.told !== '';
    known.told = words;
    if (!isNews) return;
    this.#log.info(
      {
        database: printable(pool.database),
        user: printable(pool.user),
        cause,
        poolSize: known.advice.poolSize,
        size,
        confidence,
        title,
        arithmetic,
        advice,
        change,
      },
      'advice',
    );
  }
}

/** Of what all workers have measured. */
export function adviceOfAll(answers: readonly (readonly MeasuredRow[])[]): AdviceRow[] {
  const byPool = Map.groupBy(answers.flat(), ({ database, user }) => `${database}\0${user}`);
  return [...byPool.values()].map((rows) => {
    const { database, user } = rows[0]!;
    return { database, user, advice: advise(mergeMeasured(rows.map(({ measured }) => measured))) };
  });
}

/** Sizes that differ by a tenth say the same. */
function isSame(a: Advice, b: Advice): boolean {
  if (a.cause !== b.cause || (a.size === null) !== (b.size === null)) return false;
  return a.size === null || b.size === null || Math.abs(a.size - b.size) <= Math.max(1, a.size / 10);
}
