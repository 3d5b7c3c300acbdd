// Listens on a Unix socket: .s.PGSQL.PORT in a directory, with its lock file, its mode and its group; or an abstract one.

import { chmodSync, chownSync, lstatSync, renameSync, rmSync, statSync } from 'node:fs';
import type { Server, Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { groupId } from '../util/group-id.ts';
import { listen } from './listen.ts';
import { socketPath } from './socket-directory.ts';
import { SocketLock } from './socket-lock.ts';

export interface UnixDoorOptions {
  readonly directory: string;
  readonly port: number;
  readonly backlog: number;
  /** Bits of chmod. */
  readonly mode: number;
  /** Name or number; empty: the process's own. */
  readonly group: string;
  /** A socket that another process listens on becomes ours, without a moment in which nobody does. */
  readonly mayTakeOver: boolean;
}

/** Linux: sun_path without its zero byte. */
const MAX_PATH_BYTES = 107;

export class UnixDoor {
  readonly path: string;
  readonly server: Server;
  readonly #lock: SocketLock | null;
  readonly #inode: bigint | null;

  constructor(path: string, server: Server, lock: SocketLock | null) {
    this.path = path;
    this.server = server;
    this.#lock = lock;
    this.#inode = lock === null ? null : inodeOf(path);
  }

  /** As isInOwnDirectory() says. */
  get isOurs(): boolean {
    return isInOwnDirectory(this.path);
  }

  /** Unless it was taken over: then socket and lock are another's. */
  removeFiles(): void {
    if (this.#lock === null || inodeOf(this.path) !== this.#inode) return;
    rmSync(this.path, { force: true });
    this.#lock.remove();
  }
}

/** The directory of a socket belongs to the user of this process, and to nobody else: asked each time, as it may be changed. */
export function isInOwnDirectory(path: string): boolean {
  if (path.startsWith('\0')) return false;
  const directory = statSync(dirname(path), { throwIfNoEntry: false });
  return directory !== undefined && directory.uid === process.getuid?.() && (directory.mode & 0o077) === 0;
}

/** Rejects with a reason that names the socket. */
export async function openUnixDoor(options: UnixDoorOptions, accept: (socket: Socket) => void): Promise<UnixDoor> {
  const { directory, port, backlog, mayTakeOver } = options;
  const path = socketPath(directory, port);
  if (Buffer.byteLength(path) > MAX_PATH_BYTES)
    throw new Error(
      `unix_socket_dir: ${path} is longer than the ${MAX_PATH_BYTES} bytes that a socket's path may have`,
    );
  if (path.startsWith('\0')) return new UnixDoor(path, await listen({ path, backlog }, accept), null);
  const lock = new SocketLock(path);
  await lock.claim(mayTakeOver);
  try {
    return new UnixDoor(path, await listenAt(path, options, accept), lock);
  } catch (error) {
    lock.remove();
    throw error;
  }
}

/** Under another name first: who comes finds the right mode and group, and a socket that is taken over is replaced at once. */
async function listenAt(path: string, options: UnixDoorOptions, accept: (socket: Socket) => void): Promise<Server> {
  const { directory, port, backlog, mode, group } = options;
  // No longer than the name that it will have.
  const early = join(directory, `.${port.toString(36)}.${process.pid.toString(36)}`);
  rmSync(early, { force: true });
  const server = await listen({ path: early, backlog }, accept);
  try {
    if (group !== '') chownSync(early, -1, groupId(group));
    chmodSync(early, mode);
    renameSync(early, path);
  } catch (error) {
    server.close();
    rmSync(early, { force: true });
    throw error;
  }
  return server;
}

function inodeOf(path: string): bigint | null {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false })?.ino ?? null;
}
