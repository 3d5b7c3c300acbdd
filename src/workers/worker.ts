// One worker: the whole pooler of one process, plugged into the primary for whatever the workers share.

import type { Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { App, type Crew } from '../app.ts';
import type { Config } from '../config/config.ts';
import type { Questions, Team } from '../observe/team.ts';
import { type Order, type Outcome, perform } from '../orders.ts';
import { SteadyClock } from '../util/clock.ts';
import { carryIn } from './carried-cancel.ts';
import { Channel } from './channel.ts';
import { HandedDoors } from './handed-doors.ts';
import type { Begin, CallsOfPrimary, CallsOfWorkers, CrewFacts, FromPrimary, FromWorker } from './messages.ts';
import { WorkerPermits } from './permits.ts';
import { ALL, WorkerShares } from './shares.ts';

const TICK_MS = 100;

function ignore(): void {}

export class Worker implements Crew, Team {
  readonly worker: number;
  readonly workers: number;
  readonly permits: WorkerPermits;
  readonly shares: WorkerShares;
  readonly doors: HandedDoors;
  readonly app: App;
  readonly #send: (message: FromWorker) => void;
  readonly #channel: Channel<CallsOfWorkers, CallsOfPrimary>;
  #facts: CrewFacts;
  /** What the next reload puts in force. */
  #nextConfig: Config;
  /** Connections that wait for a share. */
  #held = 0;
  #left = 0;
  #toldCount = 0;
  readonly #onLeft = () => {
    this.#left += 1;
  };

  constructor(begin: Begin, send: (message: FromWorker) => void) {
    const { worker, workers, config, quiet, mayLackHttp, state } = begin;
    this.worker = worker;
    this.workers = workers;
    this.#send = send;
    this.#facts = { kind: 'crew', port: begin.port, socketPath: null, clientsElsewhere: 0, deaths: 0 };
    this.#nextConfig = config;
    const clock = new SteadyClock();
    this.permits = new WorkerPermits(
      () => clock.now(),
      (pool, report) => send({ kind: 'pool', pool, report }),
      (pool, count) => send({ kind: 'kept', pool, count }),
    );
    this.shares = new WorkerShares(
      {
        used: (key) => this.#used(key),
        present: () => this.app.clients.size,
        maxClients: () => this.app.config.settings.max_client_conn,
        ask: (key, count, needed, limit) => this.#channel.call('share', { key, count, needed, limit }),
      },
      workers,
    );
    this.shares.begin(begin.clients);
    const facts = () => this.#facts;
    this.doors = new HandedDoors({
      get port() {
        return facts().port;
      },
      get socketPath() {
        return facts().socketPath;
      },
      closeDoors: () => this.#channel.call('closeDoors', null),
    });
    this.#channel = new Channel<CallsOfWorkers, CallsOfPrimary>(send, {
      perform: ({ order, config: read }) => this.#perform(order, read),
      answer: ({ name, argument }) => this.app.answer(name, argument as never),
      cancel: ({ processId, key }) => carryIn((socket, isUnix) => this.app.accept(socket, isUnix), processId, key),
      recallShare: async ({ key, count }) => {
        await turn(); // what it was lent in a message before this is counted by then
        return this.shares.giveBack(key, count);
      },
      ping: () => null,
    });
    this.app = new App(config, {
      clock,
      crew: this,
      team: this,
      load: () => ({ ok: true, config: this.#nextConfig }),
      quiet,
      mayLackHttp,
    });
    this.app.control.begin(state);
  }

  get clientsElsewhere(): number {
    return this.#facts.clientsElsewhere;
  }

  get deaths(): number {
    return this.#facts.deaths;
  }

  /** Resolves when it serves; rejects when something can't be had. */
  async start(): Promise<void> {
    await this.app.start();
    setInterval(() => this.#tick(), TICK_MS);
    this.#send({ kind: 'up', httpPort: this.app.httpPort });
  }

  receive(message: FromPrimary, socket: Socket | undefined): void {
    switch (message.kind) {
      case 'call':
      case 'reply':
        this.#channel.receive(message);
        return;
      case 'client':
        this.#send({ kind: 'took', client: message.client });
        if (socket !== undefined) this.#take(socket, message.isUnix);
        else this.#left += 1; // it was gone already
        return;
      case 'effect':
        this.permits.take(message.effect, ({ database, user }) => this.app.pools.find(database, user));
        return;
      case 'crew':
        this.#facts = message;
        return;
      case 'begin':
    }
  }

  /** Where its share of max_client_conn is used up, a connection waits until the primary has said whether there is more. */
  #take(socket: Socket, isUnix: boolean): void {
    socket.once('close', this.#onLeft);
    // Node reads from it already, while nobody listens yet.
    socket.on('error', ignore);
    this.#held += 1;
    const room = this.shares.makeRoom();
    const enter = () => {
      this.#held -= 1;
      this.doors.hand(socket, isUnix);
    };
    if (room === null) {
      enter();
      return;
    }
    void room.then(enter);
  }

  #used(key: string): number {
    const { clients } = this.app;
    if (key === ALL) return clients.size + this.app.comingIn + this.#held;
    const [of = '', name = ''] = key.split('\0', 2);
    const known = of === 'database' ? clients.countOfDatabase : clients.countOfUser;
    // Any of those that log in may be one.
    return known.of(name) + clients.lists.login.length;
  }

  #tick(): void {
    this.permits.tick();
    const count = this.app.clients.applicationCount;
    if (this.#left === 0 && count === this.#toldCount) return;
    this.#send({ kind: 'clients', left: this.#left, count });
    this.#left = 0;
    this.#toldCount = count;
  }

  #perform(order: Order, read: Config | null): Promise<Outcome> {
    if (read !== null) this.#nextConfig = read;
    return perform(this.app.control, order);
  }

  readonly perform = (order: Order): Promise<Outcome> => this.#channel.call('order', order);

  readonly carryCancel = (worker: number, processId: number, key: Buffer, done: () => void): void => {
    this.#channel.call('cancel', { worker, processId, key }).then(done, done);
  };

  async ask<N extends keyof Questions>(name: N, argument: Questions[N]['argument']) {
    const told = await this.#channel.call('ask', { name, argument });
    return told as { worker: number; answer: Questions[N]['answer'] }[];
  }
}
