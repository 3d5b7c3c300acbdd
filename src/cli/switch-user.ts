// Goes on as another user, as PgBouncer's -u and `user` do.
import { execFileSync } from 'node:child_process';
import { userInfo } from 'node:os';

/** Throws when that is not possible. Nothing to do when the process is that user already. */
export function switchUser(name: string): void {
  if (process.getuid?.() !== 0) {
    if (userInfo().username === name) return;
    throw new Error(`user ${name}: only root can go on as another user`);
  }
  const gid = primaryGroup(name);
  // Groups first: afterwards there is no right to change them.
  (process as typeof process & { initgroups(user: string, extraGroup: number): void }).initgroups(name, gid);
  process.setgid?.(gid);
  process.setuid?.(name);
}

/** Node has no getpwnam; `id` asks whatever the system asks. */
function primaryGroup(name: string): number {
  try {
    // An option can't hide in a name behind --.
    return Number(execFileSync('id', ['-g', '--', name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  } catch {
    throw new Error(`user ${name}: there is no such user`);
  }
}
