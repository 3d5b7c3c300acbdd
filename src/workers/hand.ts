// The primary's view of one worker: its process, what it was asked and handed, and how it does.

import cluster, { type Worker as ClusterWorker } from 'node:cluster';
import type { Socket } from 'node:net';
import type { Served } from './channel.ts';
import { Channel } from './channel.ts';
import { type CallsOfPrimary, type CallsOfWorkers, type FromPrimary, type FromWorker, isMessage } from './messages.ts';

export interface HandOwner {
  readonly served: (hand: Hand) => Served<CallsOfWorkers>;
  /** Everything but calls and their answers. */
  told(hand: Hand, message: FromWorker): void;
  exited(hand: Hand, code: number | null, signal: string | null): void;
}

/** A connection on its way to a worker. */
export interface Handed {
  readonly socket: Socket;
  readonly isUnix: boolean;
}

export class Hand {
  readonly worker: number;
  readonly channel: Channel<CallsOfPrimary, CallsOfWorkers>;
  readonly bornAt = performance.now();
  /** It was told what to begin with: orders reach it. */
  hasBegun = false;
  isUp = false;
  httpPort = 0;
  /** Connections that it was handed and that are not closed. */
  open = 0;
  /** Its clients, without those of the console. */
  clients = 0;
  /** Handed, and not known to have arrived. */
  readonly pending = new Map<number, Handed>();
  /** Since when it owes an answer to a ping; 0: it owes none. */
  silentSince = 0;
  isSilenceTold = false;
  readonly #process: ClusterWorker;

  constructor(worker: number, owner: HandOwner) {
    this.worker = worker;
    this.#process = cluster.fork();
    this.channel = new Channel<CallsOfPrimary, CallsOfWorkers>((message) => this.send(message), owner.served(this));
    this.#process.on('message', (message: unknown) => {
      if (!isMessage(message)) return;
      if (message.kind === 'call' || message.kind === 'reply') this.channel.receive(message);
      else owner.told(this, message as FromWorker);
    });
    // A channel that breaks is followed by the end of its process.
    this.#process.on('error', () => {});
    this.#process.on('exit', (code: number | null, signal: string | null) => owner.exited(this, code, signal));
  }

  get pid(): number {
    return this.#process.process.pid ?? 0;
  }

  send(message: FromPrimary): void {
    if (this.#process.isConnected()) this.#process.send(message, undefined, () => {});
  }

  /** The socket stays open here until the worker says that it has it. */
  hand(client: number, handed: Handed): void {
    this.open += 1;
    this.pending.set(client, handed);
    const { socket, isUnix } = handed;
    // Node would count the connections of a server over all processes, with messages of its own for each that closes.
    (socket as { server?: unknown }).server = null;
    this.#process.process.send({ kind: 'client', client, isUnix }, socket, { keepOpen: true }, () => {});
  }

  took(client: number): void {
    this.pending.get(client)?.socket.destroy();
    this.pending.delete(client);
  }

  kill(): void {
    this.#process.process.kill('SIGKILL');
  }
}
