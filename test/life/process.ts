// One `pgsluice run` of a restart: told to start, known to be up, told to go.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const COMMAND = fileURLToPath(new URL('../../src/cli/pgsluice.ts', import.meta.url));

export class PoolerProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<number | null>;
  /** Errors of its log, and what is no log line at all. */
  readonly complaints: string[] = [];

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#exited = once(child, 'exit').then(([code]) => code as number | null);
  }

  /** Resolves when it is up. */
  static async start(configFile: string): Promise<PoolerProcess> {
    const child = spawn(process.execPath, ['--disable-sigusr1', COMMAND, 'run', '--config', configFile], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const pooler = new PoolerProcess(child);
    const isUp = new Promise<void>((done) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        if (line.includes('"pgsluice is up"')) done();
        else if (/"level":"(error|fatal)"/.test(line)) pooler.complaints.push(line);
      });
    });
    createInterface({ input: child.stderr }).on('line', (line) => pooler.complaints.push(line));
    const died = pooler.#exited.then((code) => {
      throw new Error(`it ended with ${code} before it was up: ${pooler.complaints.join('\n')}`);
    });
    died.catch(() => {}); // once it is up, its end is asked for
    await Promise.race([isUp, died]);
    return pooler;
  }

  /** TERM; resolves to its exit code. */
  async leave(): Promise<number | null> {
    this.#child.kill('SIGTERM');
    return this.#exited;
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.kill('SIGKILL')) await this.#exited;
  }
}
