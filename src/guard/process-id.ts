// Which process is behind a TCP client of this machine: for reports, where client and pgsluice see the same processes.
//
// Called only when a record is shown. It reads /proc synchronously, at most once a second and for some 5 ms at most.

import { type Address, hexAddress, holdersOf, socketInodes } from './proc-sockets.ts';

const MAX_CACHED = 4096;
/** A port that is used again soon may be another process's. */
const KNOWN_MS = 10_000;
/** Unknown ones are looked for again, at most this often. */
const SURVEY_MS = 1000;
const SURVEY_BUDGET_MS = 5;

interface Answer {
  readonly pid: number;
  readonly until: number;
}

export class ProcessIds {
  readonly #answers = new Map<string, Answer>();
  readonly #surveyMs: number;
  readonly #budgetMs: number;
  #surveyedAt = Number.NEGATIVE_INFINITY;
  #surveyedPort = 0;
  /** The last survey ended behind this process, for want of time: the next one goes on there. */
  #endedAt = 0;

  constructor(surveyMs = SURVEY_MS, budgetMs = SURVEY_BUDGET_MS) {
    this.#surveyMs = surveyMs;
    this.#budgetMs = budgetMs;
  }

  /** client: the other end of our socket, own: our end of it. null where it is unknown: another machine, another namespace, not Linux. Never throws. */
  of(client: Address, own: Address): number | null {
    try {
      const from = hexAddress(client);
      const to = hexAddress(own);
      if (from === '' || to === '') return null;
      const key = `${from}>${to}`;
      const now = performance.now();
      const known = this.#answers.get(key);
      if (known !== undefined && now < known.until) return known.pid;
      if (now - this.#surveyedAt < this.#surveyMs && own.port === this.#surveyedPort) return null;
      this.#survey(own.port, now);
      return this.#answers.get(key)?.pid ?? null;
    } catch {
      return null;
    }
  }

  /** All clients of this port at once: a report has twenty of them. */
  #survey(port: number, now: number): void {
    this.#surveyedAt = now;
    this.#surveyedPort = port;
    for (const [key, { until }] of this.#answers) if (until <= now) this.#answers.delete(key);
    const inodes = socketInodes(port);
    const { found, endedAt } = holdersOf(new Set(inodes.values()), this.#endedAt, performance.now() + this.#budgetMs);
    this.#endedAt = endedAt;
    for (const [key, inode] of inodes) {
      if (this.#answers.size >= MAX_CACHED) return;
      const pid = found.get(inode);
      if (pid !== undefined) this.#answers.set(key, { pid, until: now + KNOWN_MS });
    }
  }
}
