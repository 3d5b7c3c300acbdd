// `pgsluice top`: pools and holders in a terminal, refreshed, over the HTTP API of a running pgsluice.
import { setTimeout as delay } from 'node:timers/promises';
import { type ApiOptions, fetchPicture, type Picture } from './top/api.ts';
import { pressed } from './top/keys.ts';
import { Screen } from './top/screen.ts';
import { initialState, plainLines, screenLines, type ViewState } from './top/view.ts';

export interface TopOptions extends ApiOptions {
  readonly intervalMs: number;
  /** Two pictures for the rates, one on standard output, and that is all. */
  readonly once: boolean;
}

/** How far apart the two pictures of --once are. */
const ONCE_MS = 500;

/** Resolves when the user leaves. Rejects when --once gets no picture. */
export async function top(options: TopOptions): Promise<void> {
  const { stdin, stdout } = process;
  if (options.once || !stdout.isTTY || !stdin.isTTY) {
    const before = await fetchPicture(options);
    await delay(Math.min(ONCE_MS, options.intervalMs));
    stdout.write(`${plainLines(await fetchPicture(options), before).join('\n')}\n`);
    return;
  }
  await new Live(options).run();
}

class Live {
  readonly #options: TopOptions;
  readonly #screen: Screen;
  readonly #leaving = new AbortController();
  #state: ViewState = initialState;
  #picture: Picture | null = null;
  #before: Picture | null = null;
  #fault: string | null = null;

  constructor(options: TopOptions) {
    this.#options = options;
    this.#screen = new Screen(process.stdout, process.env.NO_COLOR === undefined);
  }

  async run(): Promise<void> {
    const { stdin, stdout } = process;
    const leave = () => this.#leaving.abort();
    const restore = () => this.#screen.leave();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, leave);
    // Whatever ends the process, the terminal is given back.
    process.once('exit', restore);
    stdin
      .setRawMode(true)
      .setEncoding('utf8')
      .on('data', (keys: string) => this.#onKeys(keys))
      .resume();
    stdout.on('resize', () => this.#onResize());
    this.#screen.enter();
    this.#paint();
    try {
      while (!this.#leaving.signal.aborted) {
        if (!this.#state.isFrozen) await this.#look();
        await delay(this.#options.intervalMs, undefined, { signal: this.#leaving.signal }).catch(() => {});
      }
    } finally {
      this.#screen.leave();
      stdin.setRawMode(false).pause();
    }
  }

  async #look(): Promise<void> {
    try {
      const picture = await fetchPicture(this.#options);
      this.#before = this.#picture;
      this.#picture = picture;
      this.#fault = null;
    } catch (error) {
      // The last picture stays: what it was like before is worth seeing.
      this.#fault = error instanceof Error ? error.message : String(error);
    }
    this.#paint();
  }

  #onKeys(keys: string): void {
    const next = pressed(keys, this.#state);
    if (next === 'leave') {
      this.#leaving.abort();
      return;
    }
    this.#state = next;
    this.#paint();
  }

  #onResize(): void {
    this.#screen.forget();
    this.#paint();
  }

  #paint(): void {
    if (this.#leaving.signal.aborted) return;
    // 0 where nobody has told the terminal its size.
    const { rows, columns } = process.stdout;
    const size = { rows: rows || 24, columns: columns || 80 };
    this.#screen.paint(screenLines(this.#picture, this.#before, this.#state, size, this.#fault));
  }
}
