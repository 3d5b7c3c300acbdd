// A tiny shell process that outlives us by a moment: when this process ends in whatever way, it stops the Postgres we started and removes its folder.
import { type ChildProcess, spawn } from 'node:child_process';

/**
 * Reads "pid N FOLDER" (the postmaster to stop and its data) and "done" (everything is stopped). The end of its input without "done" means that we are gone.
 * QUIT is Postgres' immediate shutdown; it passes it on to its children and leaves within milliseconds.
 */
const script = `
trap '' INT TERM HUP
pid= data=
while read -r word number path; do
  case $word in pid) pid=$number data=$path ;; done) exit 0 ;; esac
done
if [ -n "$pid" ] && kill -QUIT "$pid" 2>/dev/null; then
  tries=0
  while [ -e "$data/postmaster.pid" ] && kill -0 "$pid" 2>/dev/null && [ $tries -lt 60 ]; do sleep 0.1; tries=$((tries + 1)); done
  [ $tries -lt 60 ] || kill -KILL "$pid" 2>/dev/null
fi
[ $# -gt 0 ] && rm -rf -- "$@"
exit 0
`;

export class PostgresGuard {
  readonly #shell: ChildProcess | null;

  /** `folders` are removed when this process dies before `done()`. On Windows there is no shell, and no guard. */
  constructor(folders: string[]) {
    if (process.platform === 'win32') {
      this.#shell = null;
      return;
    }
    this.#shell = spawn('/bin/sh', ['-c', script, 'pgsluice-guard', ...folders], {
      cwd: '/',
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    this.#shell.on('error', () => {});
    this.#shell.stdin?.on('error', () => {});
    this.#shell.unref();
    (this.#shell.stdin as { unref?: () => void } | null)?.unref?.();
  }

  watch(pid: number, dataDir: string): void {
    this.#shell?.stdin?.write(`pid ${pid} ${dataDir}\n`);
  }

  /** The postmaster is gone by our own hand: there is nothing to stop until the next `watch`. */
  forget(): void {
    this.#shell?.stdin?.write('pid\n');
  }

  done(): void {
    this.#shell?.stdin?.end('done\n');
  }
}
