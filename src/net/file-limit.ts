// How many files (sockets too) this process may have open. Node raises the soft limit to the hard one at its start.

import { readFileSync } from 'node:fs';

/** The soft limit of RLIMIT_NOFILE; null where the system does not tell (it is Linux' /proc that does). */
export function openFileLimit(): number | null {
  try {
    const line = /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
    const limit = Number(line?.[1]);
    return Number.isInteger(limit) ? limit : null;
  } catch {
    return null;
  }
}
