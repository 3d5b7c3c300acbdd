// Watches what pgsluice tells of leaks: its log lines, and the rows of SHOW LEAKS.
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { Target } from '../support/command.ts';

export interface LeakLine {
  /** ms since 1970 at which it was seen. */
  readonly at: number;
  readonly kind: string;
  readonly applicationName: string;
  readonly statement: string;
  /** `leaked`, `reclaimed`, `returned_late`. */
  readonly life: string;
  readonly heldMs: number;
}

const EVERY_MS = 250;

export class LeakWatch {
  readonly lines: LeakLine[] = [];
  /** When SHOW LEAKS had a row for the first time. */
  shownAt: number | null = null;
  /** The most rows that SHOW LEAKS had at once. */
  rows = 0;
  /** false: this version has no SHOW LEAKS. */
  hasShow = true;
  #client: pg.Client | null = null;
  #polling: Promise<void> | null = null;
  #isOver = false;

  /** A line of the log; others than of a leak are passed over. */
  line(text: string): void {
    if (!text.includes('"leak"')) return;
    const parsed = JSON.parse(text) as { msg?: string } & Partial<LeakLine>;
    if (parsed.msg !== 'leak') return;
    const { kind = '', applicationName = '', statement = '', life = '', heldMs = 0 } = parsed;
    this.lines.push({ at: Date.now(), kind, applicationName, statement, life, heldMs });
  }

  /** Looks at SHOW LEAKS from now on, where there is one. */
  async start(pooler: Target): Promise<void> {
    const { host, port, user, password } = pooler;
    this.#client = new pg.Client({ host, port, user, password, database: 'pgsluice', application_name: 'watch' });
    this.#client.on('error', () => {});
    await this.#client.connect();
    this.#polling = this.#poll(this.#client);
  }

  /** The first sign of a leak behind `since`. */
  firstAlert(since: number): number | null {
    const times = this.lines.filter(({ at }) => at >= since).map(({ at }) => at);
    if (this.shownAt !== null && this.shownAt >= since) times.push(this.shownAt);
    return times.length === 0 ? null : Math.min(...times);
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#polling;
    await this.#client?.end().catch(() => {});
  }

  async #poll(client: pg.Client): Promise<void> {
    while (!this.#isOver) {
      try {
        const { rows } = await client.query('SHOW LEAKS');
        if (rows.length > 0) this.shownAt ??= Date.now();
        this.rows = Math.max(this.rows, rows.length);
      } catch {
        this.hasShow = false;
        return;
      }
      await delay(EVERY_MS);
    }
  }
}
