// Processes that are told what to do, and tell what came of it: forked, one task after the other.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** By name: what is to be done, and what came of it. */
export type Tasks<T> = { readonly [Name in keyof T]: (task: never) => Promise<unknown> };
type Task<T extends Tasks<T>, N extends keyof T> = Parameters<T[N]>[0];
type Told<T extends Tasks<T>, N extends keyof T> = Awaited<ReturnType<T[N]>>;

/** The side that tells. */
export class Remote<T extends Tasks<T>> {
  readonly #child: ChildProcess;

  /** file: a module that calls serve(). */
  constructor(file: string, setting: unknown) {
    this.#child = fork(fileURLToPath(new URL(file, import.meta.url)), [JSON.stringify(setting)]);
    this.#child.once('exit', (code) => {
      if (code !== null && code !== 0) throw new Error(`${file} has ended: ${code}`);
    });
  }

  async tell<N extends keyof T & string>(name: N, task: Task<T, N>): Promise<Told<T, N>> {
    this.#child.send({ name, task });
    const [answer] = (await once(this.#child, 'message')) as [{ told: Told<T, N> } | { failed: string }];
    if ('failed' in answer) throw new Error(answer.failed);
    return answer.told;
  }

  async stop(): Promise<void> {
    const ended = new Promise((done) => this.#child.once('exit', done));
    if (this.#child.connected) this.#child.disconnect();
    await ended;
  }
}

/** The side that is told, which stop()s when nobody is there to tell it. */
export async function serve<S, T extends Tasks<T>>(
  begin: (setting: S) => Promise<{ readonly tasks: T; readonly stop: () => Promise<void> }>,
): Promise<void> {
  const begun = begin(JSON.parse(process.argv[2]!) as S);
  process.on('message', async ({ name, task }: { readonly name: keyof T; readonly task: never }) => {
    try {
      const { tasks } = await begun;
      process.send!({ told: await tasks[name](task) });
    } catch (error) {
      process.send!({ failed: `${String(name)}: ${(error as Error).stack}` });
    }
  });
  process.once('disconnect', () => {
    void begun.then(({ stop }) => stop()).finally(() => process.exit());
  });
  await begun;
}
