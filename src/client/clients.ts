// All clients: who is connected, who logs in, and who is meant by a cancel request.

import { randomBytes, randomInt, timingSafeEqual } from 'node:crypto';
import type { Pool } from '../pool/pool.ts';
import { poolerError } from '../protocol/catalogue.ts';
import type { Server } from '../server/server.ts';
import { List } from '../util/list.ts';
import type { Client } from './client.ts';
import { moveClient, type PoollessLists } from './states.ts';

/** A cancel request that waits for its turn, and what it was meant for when it came. */
interface WaitingCancel {
  readonly by: Client;
  readonly target: Client;
  readonly server: Server;
  readonly linkedAt: number;
}

/** Carries a cancel request to Postgres; done when its connection is over. */
export type CarryCancel = (server: Server, pool: Pool, done: () => void) => void;

/** Linux: no process has a higher number than PID_MAX_LIMIT, so that a client takes no notification of Postgres' for its own. */
const FIRST_PROCESS_ID = 0x400000;

export class Clients implements Iterable<Client> {
  readonly lists: PoollessLists = { login: new List(), active: new List() };
  readonly #carry: CarryCancel;
  readonly #byProcessId = new Map<number, Client>();
  readonly #waitingCancels = new Map<Pool, WaitingCancel[]>();
  #nextProcessId = randomInt(FIRST_PROCESS_ID, 0x3fffffff);
  #nextId = 1;

  constructor(carry: CarryCancel) {
    this.#carry = carry;
  }

  [Symbol.iterator](): Iterator<Client> {
    return this.#byProcessId.values();
  }

  get size(): number {
    return this.#byProcessId.size;
  }

  /** Without those of the console, which keep nothing from going down. */
  get applicationCount(): number {
    return this.#byProcessId.size - this.lists.active.length;
  }

  /** Clients that are let in, of one database and of one user: what limits them is asked at each login. */
  readonly countOfDatabase = new Tally();
  readonly countOfUser = new Tally();

  /** The client is let in. */
  entered(database: string, user: string): void {
    this.countOfDatabase.add(database, 1);
    this.countOfUser.add(user, 1);
  }

  findById(id: number): Client | null {
    for (const client of this) if (client.id === id) return client;
    return null;
  }

  /** make gets the client's number and the process id it will be told. */
  add(make: (id: number, processId: number) => Client): Client {
    while (this.#byProcessId.has(this.#nextProcessId)) this.#bumpProcessId();
    const client = make(this.#nextId, this.#nextProcessId);
    this.#nextId += 1;
    this.#bumpProcessId();
    if (client.state === 'closed') return client;
    this.#byProcessId.set(client.processId, client);
    this.lists.login.append(client);
    return client;
  }

  #bumpProcessId(): void {
    this.#nextProcessId = this.#nextProcessId >= 0x7ffffffe ? FIRST_PROCESS_ID : this.#nextProcessId + 1;
  }

  remove(client: Client): void {
    this.#byProcessId.delete(client.processId);
    if (client.pool === null || client.startup === null) return;
    this.countOfDatabase.add(client.pool.database, -1);
    this.countOfUser.add(client.startup.user, -1);
  }

  makeCancelKey(length: number): Buffer {
    return randomBytes(length);
  }

  /**
   * Carries a CancelRequest to exactly the statement that the client runs now, or nowhere. A client that waits stops
   * waiting at once. Like Postgres, the one who asked is told nothing: its connection is closed when it is done.
   */
  cancel(by: Client, processId: number, key: Buffer): void {
    const target = this.#byProcessId.get(processId);
    const isKeyRight =
      target !== undefined && key.length === target.cancelKey.length && timingSafeEqual(key, target.cancelKey);
    if (!isKeyRight || target.pool === null) {
      by.close('cancel_done', null, 'no such client');
      return;
    }
    if (target.state === 'waiting') {
      target.onRefused(poolerError('query_canceled'));
      by.close('cancel_done', null);
      return;
    }
    const server = target.server;
    if (server === null || !target.isStatementRunning) {
      by.close('cancel_done', null, 'nothing runs');
      return;
    }
    by.pool = target.pool;
    const pool = target.pool;
    // PgBouncer: as many cancel connections as the pool may have servers, on top of these.
    if (pool.clients.active_cancel.length >= Math.max(pool.settings.pool_size, 1)) {
      moveClient(by, 'waiting_cancel', this.lists);
      const queue = this.#waitingCancels.get(pool) ?? [];
      this.#waitingCancels.set(pool, queue);
      queue.push({ by, target, server, linkedAt: target.linkedAt });
    } else this.#send(by, pool, server);
  }

  #send(by: Client, pool: Pool, server: Server): void {
    if (by.state !== 'closed') moveClient(by, 'active_cancel', this.lists);
    this.#carry(server, pool, () => {
      by.close('cancel_done', null);
      this.#sendNext(pool);
    });
  }

  #sendNext(pool: Pool): void {
    const queue = this.#waitingCancels.get(pool);
    for (let next = queue?.shift(); next !== undefined; next = queue?.shift()) {
      // Who asked may have hung up: Postgres would not have known, and the statement is to end all the same.
      const { by, target, server, linkedAt } = next;
      // Handed on, released or answered meanwhile: then nothing is canceled.
      if (target.server === server && target.linkedAt === linkedAt && target.isStatementRunning) {
        this.#send(by, pool, server);
        return;
      }
      by.close('cancel_done', null, 'nothing runs any more');
    }
    this.#waitingCancels.delete(pool);
  }
}

/** Counts by name; a name that reaches zero is forgotten. */
class Tally {
  readonly #counts = new Map<string, number>();

  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  add(name: string, change: number): void {
    const count = this.of(name) + change;
    if (count === 0) this.#counts.delete(name);
    else this.#counts.set(name, count);
  }
}
