// The number of a group of the system: Node has no getgrnam.

import { execFileSync } from 'node:child_process';

/** Name or number. Throws where there is no such group. */
export function groupId(group: string): number {
  if (/^\d{1,9}$/.test(group)) return Number(group);
  try {
    // An option can't hide in a name behind --.
    const line = execFileSync('getent', ['--', 'group', group], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return Number(line.split(':')[2]);
  } catch {
    throw new Error(`unix_socket_group ${group}: there is no such group`);
  }
}
