// Where a Unix socket is: a directory and a port make its path, as libpq makes it.

import { join } from 'node:path';

/** A directory that holds sockets, or with @ a name in Linux' abstract namespace, instead of a host. */
export function isSocketDirectory(host: string): boolean {
  return host.startsWith('/') || host.startsWith('@');
}

/** Postgres: UNIXSOCK_PATH in src/include/libpq/pqcomm.h. An abstract one begins with a zero byte, and is as long as its text. */
export function socketPath(directory: string, port: number): string {
  const path = join(directory, `.s.PGSQL.${port}`);
  return directory.startsWith('@') ? `\0${path.slice(1)}` : path;
}

/** For people. */
export function shownPath(path: string): string {
  return path.replace(/^\0/, '@');
}
