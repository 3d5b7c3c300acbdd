// Where clients come in: TCP addresses and a Unix socket, opened together and closed together.

import type { AddressInfo, Server, Socket } from 'node:net';
import type { Settings } from '../config/settings-table.ts';
import { listen } from './listen.ts';
import { shownPath } from './socket-directory.ts';
import { openUnixDoor, type UnixDoor } from './unix-door.ts';

export type DoorSettings = Pick<
  Settings,
  | 'listen_addr'
  | 'listen_backlog'
  | 'listen_port'
  | 'so_reuseport'
  | 'unix_socket_dir'
  | 'unix_socket_group'
  | 'unix_socket_mode'
>;

/** With so many turns of the event loop in which clients still come, it is closed all the same. */
const MOST_TURNS = 1_000;

/** Where clients come in, as far as the pooler behind it has to know. */
export type DoorSet = Pick<
  Doors,
  'addressesOf' | 'close' | 'closeBehindLast' | 'isOpen' | 'isSocketOurs' | 'open' | 'port' | 'socketPath'
>;

export class Doors {
  readonly #tcp: Server[] = [];
  #unix: UnixDoor | null = null;
  #acceptedCount = 0;

  /** Rejects with Node's own error, or one that names the setting; what is open then is closed by close(). */
  async open(settings: DoorSettings, accept: (socket: Socket, isUnix: boolean) => void): Promise<void> {
    const { listen_addr, listen_backlog: backlog, so_reuseport: reusePort } = settings;
    for (const host of listen_addr) {
      // Port 0: the free one that the first address got, on all of them.
      const options = { host, port: settings.listen_port || this.port, backlog, reusePort };
      this.#tcp.push(await listen(options, (socket) => this.#accepted(socket, false, accept)));
    }
    const { unix_socket_dir: directory, unix_socket_mode, unix_socket_group: group } = settings;
    if (directory === '') return;
    const mode = Number.parseInt(unix_socket_mode, 8);
    const port = settings.listen_port || this.port;
    const options = { directory, port, backlog, mode, group, mayTakeOver: reusePort };
    this.#unix = await openUnixDoor(options, (socket) => this.#accepted(socket, true, accept));
  }

  #accepted(socket: Socket, isUnix: boolean, accept: (socket: Socket, isUnix: boolean) => void): void {
    this.#acceptedCount += 1;
    accept(socket, isUnix);
  }

  /** 0: there is no TCP. */
  get port(): number {
    return (this.#tcp[0]?.address() as AddressInfo | undefined)?.port ?? 0;
  }

  /** Path of the Unix socket; null: there is none. An abstract one begins with a zero byte. */
  get socketPath(): string | null {
    return this.#unix?.path ?? null;
  }

  /** Nobody but the user of this process can reach the Unix socket. */
  get isSocketOurs(): boolean {
    return this.#unix?.isOurs === true;
  }

  /** For the log. */
  addressesOf({ listen_addr }: DoorSettings): string[] {
    const tcp = listen_addr.map((address) => `${address}:${this.port}`);
    return this.#unix === null ? tcp : [...tcp, shownPath(this.#unix.path)];
  }

  get isOpen(): boolean {
    return this.#all.some((server) => server.listening);
  }

  get #all(): Server[] {
    return this.#unix === null ? this.#tcp : [...this.#tcp, this.#unix.server];
  }

  /** Nobody may come in any more; resolves when everybody has left. */
  async close(): Promise<void> {
    this.#unix?.removeFiles();
    await Promise.all(this.#all.map((server) => new Promise<void>((done) => server.close(() => done()))));
  }

  /**
   * Nobody may come in any more, and whoever has been let in by the system is taken first: it would reset those. Between the last
   * look at a door and its closing there is no turn of the event loop, but a moment.
   */
  async closeBehindLast(): Promise<void> {
    for (let turn = 0; turn < MOST_TURNS; turn += 1) {
      const before = this.#acceptedCount;
      // The first may come in the turn that runs, behind a part of what it has looked at; the second has a whole one behind it.
      await nextTurn();
      await nextTurn();
      if (this.#acceptedCount === before) break;
    }
    this.#unix?.removeFiles();
    for (const server of this.#all) if (server.listening) server.close();
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
