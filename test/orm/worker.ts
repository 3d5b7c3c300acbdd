// One of the workers of a run: does steps one after the other, and knows what each must be answered with.
import { describe, NO_ANSWER, type Tally, WRONG_ANSWER } from './errors.ts';
import { type Item, SETTINGS_SEPARATOR, type Workload } from './workload.ts';

export type StepName = Exclude<keyof Workload, 'close'> | 'conflict' | 'reconnect';

/** The mix. Where a library has no named statements, select stands in. */
const MIX: StepName[] = [
  'select',
  'update',
  'commit',
  'select',
  'insert',
  'named',
  'echo',
  'rollback',
  'select',
  'update',
  'conflict',
  'batch',
  'settings',
  'commit',
  'namedStar',
  'select',
  'insert',
  'conflictInTransaction',
  'update',
  'isolation',
];
/** A connection of its own, opened and closed again, in place of one step of so many. */
const RECONNECT_EVERY = 100;
const STEP_TIMEOUT_MS = 30_000;
const UNIQUE_VIOLATION = '23505';

export interface WorkerOptions {
  workload: Workload;
  /** Calls `use` with a second workload of one connection, which is closed afterwards. */
  reconnect: <T>(use: (workload: Workload) => Promise<T>) => Promise<T>;
  /** The row that only this worker changes. */
  own: string;
  /** What `settings` must say. */
  settings: string;
  tally: Tally;
}

export class Worker {
  /** Tokens that must be in the table at the end, and those that must not. */
  readonly written: string[] = [];
  readonly rolledBack: string[] = [];
  readonly #options: WorkerOptions;
  /** null: a step that would have changed it failed, and whether it did is not known. */
  #own: Item | null;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#own = { token: options.own, note: options.own, amount: 0 };
  }

  /** Steps with the numbers that `next` gives, until it gives none. */
  async run(next: () => number | null): Promise<void> {
    for (let n = next(); n !== null; n = next()) {
      const step = n % RECONNECT_EVERY === RECONNECT_EVERY - 1 ? 'reconnect' : MIX[n % MIX.length]!;
      if (!(await this.#take(step, `${this.#options.own}-${n}`))) return;
    }
  }

  /** false: no answer came, so that this worker is lost. */
  async #take(name: StepName, token: string): Promise<boolean> {
    const { tally } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(resolve, STEP_TIMEOUT_MS, 'late');
    });
    try {
      const wrong = await Promise.race([this.#step(name, token), late]);
      if (wrong === 'late') tally.add(name, NO_ANSWER, `within ${STEP_TIMEOUT_MS} ms`);
      else if (wrong !== null) tally.add(name, WRONG_ANSWER, wrong);
      else tally.addSuccess();
      return wrong !== 'late';
    } catch (error) {
      tally.addError(name, error);
      return true;
    } finally {
      clearTimeout(timer);
    }
  }

  /** null when the answer is right, else what is wrong. */
  async #step(name: StepName, token: string): Promise<string | null> {
    const { workload, own, settings, reconnect } = this.#options;
    const fresh = { token, note: token, amount: 0 };
    switch (name) {
      case 'echo':
        return differs(await workload.echo(token), token);
      case 'select':
        return this.#isOwn(await workload.select(own));
      case 'named':
      case 'namedStar':
        return this.#selectNamed(workload, name);
      case 'insert': {
        const row = await workload.insert(token, token);
        this.written.push(token);
        return differs(row, fresh);
      }
      case 'batch': {
        const tokens = [1, 2, 3, 4, 5].map((i) => `${token}-${i}`);
        const seen = await workload.batch(tokens);
        this.written.push(...tokens);
        return differs(seen, tokens);
      }
      case 'update': {
        const before = this.#takeOwn();
        this.#own = await workload.update(own, token);
        return before && differs(this.#own, { token: own, note: token, amount: before.amount + 1 });
      }
      case 'commit': {
        const before = this.#takeOwn();
        const row = await workload.commit(own, token);
        this.#own = before && { ...before, amount: before.amount + 1 };
        this.written.push(token);
        return differs(row, fresh);
      }
      case 'rollback':
        this.rolledBack.push(token);
        return differs(await workload.rollback(token), fresh);
      case 'conflict':
        return conflicts(workload.insert(own, token));
      case 'conflictInTransaction':
        this.rolledBack.push(token);
        return conflicts(workload.conflictInTransaction(token, own));
      case 'isolation':
        return differs(await workload.isolation(), 'serializable');
      case 'settings':
        return settingsDiffer(await workload.settings(), settings);
      case 'reconnect':
        return reconnect(async (other) => {
          return this.#isOwn(await other.select(own)) ?? (await this.#selectNamed(other, 'namedStar'));
        });
    }
  }

  async #selectNamed(workload: Workload, name: 'named' | 'namedStar'): Promise<string | null> {
    if (name === 'namedStar' || !workload.named) {
      return this.#isOwn(await (workload.namedStar ?? workload.select)(this.#options.own));
    }
    const row = await workload.named(this.#options.own);
    return this.#own && differs(row, { ...this.#own, amount: 0 });
  }

  /** The own row before a step that changes it; afterwards it is unknown until the step succeeds or the row is read. */
  #takeOwn(): Item | null {
    const own = this.#own;
    this.#own = null;
    return own;
  }

  #isOwn(row: Item | null): string | null {
    const own = this.#takeOwn();
    this.#own = row;
    return own && differs(row, own);
  }
}

function differs(seen: unknown, expected: unknown): string | null {
  const [is, should] = [JSON.stringify(seen), JSON.stringify(expected)];
  return is === should ? null : `${is} instead of ${should}`;
}

/** Only those that differ: the whole list is long. */
function settingsDiffer(seen: string, expected: string): string | null {
  if (seen === expected) return null;
  const [is, should] = [seen.split(SETTINGS_SEPARATOR), expected.split(SETTINGS_SEPARATOR)];
  const without = (list: string[], others: string[]) => list.filter((one) => !others.includes(one)).join(', ');
  return `${without(is, should)} instead of ${without(should, is)}`;
}

/** The statement must fail, and the library must say of what. */
async function conflicts(statement: Promise<unknown>): Promise<string | null> {
  try {
    return `${JSON.stringify(await statement)} instead of a unique violation`;
  } catch (error) {
    if (describe(error).code === UNIQUE_VIOLATION) return null;
    throw error;
  }
}
