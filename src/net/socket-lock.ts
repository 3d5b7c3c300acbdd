// The file .s.PGSQL.PORT.lock beside a Unix socket: it names the process that listens there, as Postgres' own does.

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { isRunning } from '../util/pid-file.ts';

/** Its second line, where Postgres names the data directory. */
const OURS = 'pgsluice';

interface Owner {
  readonly pid: number | null;
  readonly isPgsluice: boolean;
}

export class SocketLock {
  readonly #socket: string;
  readonly #file: string;

  constructor(socket: string) {
    this.#socket = socket;
    this.#file = `${socket}.lock`;
  }

  /**
   * Throws where somebody listens, unless that is a pgsluice that the socket may be taken over from. What was left behind is no
   * obstacle: who is gone does not answer. A process id alone would say little, as containers that share a directory number their
   * processes each for itself.
   */
  async claim(mayTakeOver: boolean): Promise<void> {
    const isFirst = this.#write('wx');
    const { pid, isPgsluice } = isFirst ? { pid: null, isPgsluice: false } : this.#owner();
    if (!(mayTakeOver && isPgsluice)) {
      const isStarting = pid !== null && pid !== process.pid && isRunning(pid);
      if (isStarting || (await answers(this.#socket))) {
        if (isFirst) this.remove();
        const who = pid === null ? 'another process' : `process ${pid}`;
        throw new Error(`unix_socket_dir: ${who} listens on ${this.#socket} already`);
      }
    }
    if (!isFirst) this.#write('w');
  }

  /** False: with wx, it is there already. */
  #write(flag: 'w' | 'wx'): boolean {
    try {
      writeFileSync(this.#file, `${process.pid}\n${OURS}\n`, { flag, mode: 0o644 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    }
    return true;
  }

  remove(): void {
    rmSync(this.#file, { force: true });
  }

  #owner(): Owner {
    try {
      const [number, name] = readFileSync(this.#file, 'utf8').split('\n', 2);
      const pid = Number(number);
      return { pid: Number.isSafeInteger(pid) && pid > 0 ? pid : null, isPgsluice: name === OURS };
    } catch {
      return { pid: null, isPgsluice: false };
    }
  }
}

/** Whether somebody listens there. One who is not allowed to know takes it for yes. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT'));
  });
}
