// Carries cancel requests to the processes that share the port: each peer gets a few at a time, the rest wait.

import type { PeerEntry } from '../config/config.ts';
import type { Dial } from '../net/dial.ts';
import { carryCancel } from '../pool/cancel.ts';
import { cancelRequest } from '../protocol/writer.ts';

interface Request {
  readonly processId: number;
  readonly key: Buffer;
  readonly done: () => void;
}

/** Requests that wait for one peer; each keeps a connection of ours open. */
const MAX_WAITING = 10_000;

export interface PeersOptions {
  readonly peers: () => ReadonlyMap<number, PeerEntry>;
  readonly settings: () => { readonly default_pool_size: number; readonly cancel_wait_timeout: number };
  readonly dial: Dial;
}

export class Peers {
  readonly #options: PeersOptions;
  readonly #active = new Map<number, number>();
  readonly #waiting = new Map<number, Request[]>();

  constructor(options: PeersOptions) {
    this.#options = options;
  }

  /** PgBouncer: SHOW PEER_POOLS. */
  countsOf(peerId: number): { readonly active: number; readonly waiting: number } {
    return { active: this.#active.get(peerId) ?? 0, waiting: this.#waiting.get(peerId)?.length ?? 0 };
  }

  /** done is called once, when the request was carried or was given up. False: there is no such peer, or too many wait; done is not called. */
  carry(peerId: number, processId: number, key: Buffer, done: () => void): boolean {
    const peer = this.#options.peers().get(peerId);
    const { active, waiting } = this.countsOf(peerId);
    if (peer === undefined || waiting >= MAX_WAITING) return false;
    const request = { processId, key, done };
    if (active < (peer.pool_size ?? this.#options.settings().default_pool_size)) this.#send(peer, request);
    else {
      const queue = this.#waiting.get(peerId) ?? [];
      this.#waiting.set(peerId, queue);
      queue.push(request);
    }
    return true;
  }

  #send(peer: PeerEntry, { processId, key, done }: Request): void {
    const { id } = peer;
    this.#active.set(id, this.countsOf(id).active + 1);
    const { cancel_wait_timeout } = this.#options.settings();
    const way = { dial: this.#options.dial, address: peer, tls: null };
    carryCancel(way, cancelRequest(processId, key), cancel_wait_timeout, () => {
      this.#active.set(id, this.countsOf(id).active - 1);
      done();
      this.#sendNext(id);
    });
  }

  #sendNext(peerId: number): void {
    const peer = this.#options.peers().get(peerId);
    const queue = this.#waiting.get(peerId);
    const next = queue?.shift();
    if (queue?.length === 0) this.#waiting.delete(peerId);
    if (next === undefined) return;
    if (peer !== undefined) this.#send(peer, next);
    else {
      // A reload took the peer away.
      next.done();
      this.#sendNext(peerId);
    }
  }
}
