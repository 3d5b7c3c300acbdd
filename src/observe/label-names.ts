// Labels that strangers choose: cleaned, and only so many of them for as long as the process runs. The rest is "other".

import { printable } from '../guard/exhaustion.ts';

export const OTHER = 'other';

/** Application names of all metrics together. */
export const MAX_APPLICATIONS = 200;
/** Pairs of database and user; and databases. */
export const MAX_POOLS = 200;

export type PoolLabels = readonly [database: string, user: string];

const OTHER_POOL: PoolLabels = [OTHER, OTHER];

/** No label is as long: what lies beyond is not even looked at. */
const MAX_READ = 256;

/** Names are let in once and for ever: one that goes and comes again must not make room for others. */
class Names {
  readonly #known = new Set<string>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  admits(name: string): boolean {
    if (this.#known.has(name)) return true;
    if (this.#known.size >= this.#max) return false;
    this.#known.add(name);
    return true;
  }
}

export class LabelNames {
  readonly #applications = new Names(MAX_APPLICATIONS);
  readonly #databases = new Names(MAX_POOLS);
  readonly #pools = new Names(MAX_POOLS);

  application(name: string): string {
    const label = labelOf(name);
    return this.#applications.admits(label) ? label : OTHER;
  }

  database(name: string): string {
    const label = labelOf(name);
    return this.#databases.admits(label) ? label : OTHER;
  }

  pool(database: string, user: string): PoolLabels {
    const labels = [labelOf(database), labelOf(user)] as const;
    return this.#pools.admits(labels.join('\0')) ? labels : OTHER_POOL;
  }
}

function labelOf(name: string): string {
  return printable(name.slice(0, MAX_READ)).toWellFormed();
}
