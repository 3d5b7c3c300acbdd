// The doors of a worker: the primary listens, and hands it one connection after the other.

import type { Socket } from 'node:net';
import type { DoorSet } from '../net/doors.ts';
import { isInOwnDirectory } from '../net/unix-door.ts';

export interface DoorKeeper {
  /** What the primary has told of its doors. */
  readonly port: number;
  readonly socketPath: string | null;
  /** Asks the primary to close them behind the last one. */
  closeDoors(): Promise<unknown>;
}

export class HandedDoors implements DoorSet {
  readonly #keeper: DoorKeeper;
  #accept: ((socket: Socket, isUnix: boolean) => void) | null = null;

  constructor(keeper: DoorKeeper) {
    this.#keeper = keeper;
  }

  get port(): number {
    return this.#keeper.port;
  }

  get socketPath(): string | null {
    return this.#keeper.socketPath;
  }

  get isSocketOurs(): boolean {
    const { socketPath } = this.#keeper;
    return socketPath !== null && isInOwnDirectory(socketPath);
  }

  get isOpen(): boolean {
    return this.#accept !== null;
  }

  async open(_settings: unknown, accept: (socket: Socket, isUnix: boolean) => void): Promise<void> {
    this.#accept = accept;
  }

  /** A connection comes in. Behind close() it is dropped. */
  hand(socket: Socket, isUnix: boolean): void {
    if (this.#accept === null) socket.destroy();
    else this.#accept(socket, isUnix);
  }

  async close(): Promise<void> {
    this.#accept = null;
  }

  async closeBehindLast(): Promise<void> {
    await this.#keeper.closeDoors();
  }

  addressesOf(): string[] {
    return [];
  }
}
