// All clients: who is connected, who logs in, and who is meant by a cancel request.

import { randomInt, timingSafeEqual } from 'node:crypto';
import type { Pool } from '../pool/pool.ts';
import { poolerError } from '../protocol/catalogue.ts';
import type { Server } from '../server/server.ts';
import { List } from '../util/list.ts';
import { randomKey } from '../util/random.ts';
import { WORKER_STEP, workerOf } from '../util/worker-number.ts';
import type { Client } from './client.ts';
import { OWN_NUMBERS, passedOn, peerIdOf, processIdOf, withFullTtl } from './peer-key.ts';
import type { Peers } from './peers.ts';
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

/** Where this process is one of several workers: its number, and how a cancel request gets to another one. */
export interface CancelWorkers {
  readonly worker: number;
  /** done is called once, when the other one is through with it. */
  carry(worker: number, processId: number, key: Buffer, done: () => void): void;
}

/** Linux: no process has a higher number than PID_MAX_LIMIT, so that a client takes no notification of Postgres' for its own. */
const FIRST_PROCESS_ID = 0x400000;

export class Clients implements Iterable<Client> {
  readonly lists: PoollessLists = { login: new List(), active: new List() };
  readonly #carry: CarryCancel;
  readonly #all = new Set<Client>();
  /** With peers, process ids have room for few numbers, and clients may share one: their keys differ. */
  readonly #byProcessId = new Map<number, Client | Client[]>();
  readonly #peerId: number;
  readonly #peers: Peers | null;
  readonly #waitingCancels = new Map<Pool, WaitingCancel[]>();
  readonly #workers: CancelWorkers | null;
  /** From one number to the next. */
  readonly #step: number;
  #nextProcessId: number;
  #nextId: number;

  /** peerId 0: there are no peers. workers null: this process is alone. */
  constructor(carry: CarryCancel, peerId = 0, peers: Peers | null = null, workers: CancelWorkers | null = null) {
    this.#carry = carry;
    this.#peerId = peerId;
    this.#peers = peers;
    this.#workers = workers;
    this.#step = workers === null ? 1 : WORKER_STEP;
    const begin = randomInt(FIRST_PROCESS_ID, 0x3fffffff);
    this.#nextProcessId = workers === null ? begin : begin - workerOf(begin) + workers.worker;
    this.#nextId = workers?.worker ?? 1;
  }

  [Symbol.iterator](): Iterator<Client> {
    return this.#all.values();
  }

  get size(): number {
    return this.#all.size;
  }

  /** Without those of the console, which keep nothing from going down. */
  get applicationCount(): number {
    return this.#all.size - this.lists.active.length;
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
    const client = make(this.#nextId, this.#takeProcessId());
    this.#nextId += this.#step;
    if (client.state === 'closed') return client;
    const { processId } = client;
    const others = this.#withProcessId(processId);
    this.#byProcessId.set(processId, others.length === 0 ? client : [...others, client]);
    this.#all.add(client);
    this.lists.login.append(client);
    return client;
  }

  #takeProcessId(): number {
    if (this.#peerId > 0) {
      this.#nextProcessId = (this.#nextProcessId + this.#step) % OWN_NUMBERS;
      return processIdOf(this.#peerId, this.#nextProcessId);
    }
    const first = FIRST_PROCESS_ID + (this.#workers?.worker ?? 0);
    do {
      const next = this.#nextProcessId + this.#step;
      this.#nextProcessId = next >= 0x7fffffff ? first : next;
    } while (this.#byProcessId.has(this.#nextProcessId));
    return this.#nextProcessId;
  }

  #withProcessId(processId: number): readonly Client[] {
    const known = this.#byProcessId.get(processId) ?? [];
    return Array.isArray(known) ? known : [known];
  }

  remove(client: Client): void {
    if (this.#all.delete(client)) {
      const [first, ...others] = this.#withProcessId(client.processId).filter((other) => other !== client);
      if (first === undefined) this.#byProcessId.delete(client.processId);
      else this.#byProcessId.set(client.processId, others.length === 0 ? first : [first, ...others]);
    }
    if (client.pool === null || client.startup === null) return;
    this.countOfDatabase.add(client.pool.database, -1);
    this.countOfUser.add(client.startup.user, -1);
  }

  makeCancelKey(length: number): Buffer {
    return this.#peerId > 0 ? withFullTtl(randomKey(length)) : randomKey(length);
  }

  /**
   * Carries a CancelRequest to exactly the statement that the client runs now, or nowhere. A client that waits stops
   * waiting at once. Like Postgres, the one who asked is told nothing: its connection is closed when it is done.
   */
  cancel(by: Client, processId: number, key: Buffer): void {
    if (this.#peerId > 0 && peerIdOf(processId) !== this.#peerId) {
      this.#passOn(by, processId, key);
      return;
    }
    if (this.#workers !== null && workerOf(processId) !== this.#workers.worker) {
      const worker = workerOf(processId);
      this.#workers.carry(worker, processId, key, () => by.close('cancel_done', null, `worker ${worker}`));
      return;
    }
    const ownKey = this.#peerId > 0 ? withFullTtl(key) : key;
    const target = this.#withProcessId(processId).find(({ cancelKey }) => isSame(cancelKey, ownKey));
    if (target === undefined || target.pool === null) {
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

  /** The client is another process's. */
  #passOn(by: Client, processId: number, key: Buffer): void {
    const next = passedOn(key);
    const peerId = peerIdOf(processId);
    const done = () => by.close('cancel_done', null, `peer ${peerId}`);
    if (next === null) by.close('cancel_done', null, 'passed on too often');
    else if (this.#peers?.carry(peerId, processId, next, done) !== true)
      by.close('cancel_done', null, 'no such client, and no such peer');
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

function isSame(key: Buffer, other: Buffer): boolean {
  return key.length === other.length && timingSafeEqual(key, other);
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
