// The file that holds the process id, as service managers and scripts expect it.

import { readFileSync, rmSync, writeFileSync } from 'node:fs';

export class PidFile {
  readonly #path: string;
  #isOurs = false;

  constructor(path: string) {
    this.#path = path;
  }

  /** Throws when a pgsluice runs that the file names. A file that was left behind is no obstacle. */
  claim(): void {
    const pid = this.#read();
    if (pid !== null && pid !== process.pid && isRunning(pid))
      throw new Error(`pidfile ${this.#path}: a pgsluice runs already as process ${pid}`);
  }

  write(): void {
    writeFileSync(this.#path, `${process.pid}\n`);
    this.#isOurs = true;
  }

  /** Only the file that this process wrote, and only while it is still its own. */
  remove(): void {
    if (this.#isOurs && this.#read() === process.pid) rmSync(this.#path, { force: true });
    this.#isOurs = false;
  }

  #read(): number | null {
    try {
      const pid = Number(readFileSync(this.#path, 'utf8').trim());
      return Number.isSafeInteger(pid) && pid > 0 ? pid : null;
    } catch {
      return null;
    }
  }
}

/** Process ids are given again, after a reboot above all: what is running must look like a pgsluice where the system tells. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: there is one, of somebody else.
    if (error instanceof Error && 'code' in error && error.code !== 'EPERM') return false;
  }
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('pgsluice');
  } catch {
    return true;
  }
}
