// The process beside the workers: it listens and hands connections over, keeps the books of what they share, carries what they say
// to each other, and replaces those that die. No byte of a client passes here.

import cluster from 'node:cluster';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Config, LoadResult } from '../config/config.ts';
import { effectiveSettings } from '../config/effective.ts';
import type { ControlState } from '../control.ts';
import { Doors } from '../net/doors.ts';
import { createLog, LogFile, type Logger } from '../observe/log.ts';
import type { Order, Outcome } from '../orders.ts';
import { PidFile } from '../util/pid-file.ts';
import { packageVersion } from '../util/version.ts';
import type { Served } from './channel.ts';
import { Hand, type Handed } from './hand.ts';
import { Lasting } from './lasting.ts';
import { Ledger } from './ledger.ts';
import type { CallsOfWorkers, FromWorker } from './messages.ts';
import { Orders } from './orders.ts';
import { Quotas } from './quotas.ts';
import { Rebirth } from './rebirth.ts';
import { ALL, blockOf } from './shares.ts';

export interface PrimaryOptions {
  readonly workers: number;
  readonly load: () => LoadResult;
  readonly quiet: boolean;
  readonly mayLackHttp: boolean;
}

const TICK_MS = 100;
const PING_MS = 1_000;
/** A worker that says nothing for so long is reported. */
const HANG_MS = 10_000;
/** The others are preferred to a worker that says nothing for so long. */
const BUSY_MS = 2_000;
/** Answers to a question that all workers are asked. */
const ASK_MS = 2_000;
/** A worker that was told to go at once has so long. */
const LAST_WORDS_MS = 5_000;

export class Primary {
  readonly log: Logger;
  /** Resolved when all workers are gone. */
  readonly stopped: Promise<void>;
  readonly #options: PrimaryOptions;
  readonly #logFile: LogFile | null;
  readonly #pidFile: PidFile | null;
  readonly #doors = new Doors();
  readonly #hands = new Map<number, Hand>();
  readonly #rebirth = new Rebirth();
  readonly #lasting = new Lasting();
  readonly #ledger: Ledger;
  readonly #quotas = new Quotas((worker, key, count) => this.#recallShare(worker, key, count));
  readonly #orders: Orders;
  /** Connections that came while no worker was up. */
  #waiting: Handed[] = [];
  #nextClient = 1;
  #isSettling = false;
  #facts = '';
  #closing: Promise<void> | null = null;
  #timers: NodeJS.Timeout[] = [];
  #onStopped: () => void = () => {};
  #isDown = false;
  /** While it starts: a worker that fails then ends all. */
  #starting: { resolve: () => void; reject: (error: Error) => void } | null = null;

  constructor(config: Config, options: PrimaryOptions) {
    this.#options = options;
    const { logfile, pidfile } = config.settings;
    this.#logFile = logfile === '' ? null : new LogFile(logfile);
    this.#pidFile = pidfile === '' ? null : new PidFile(pidfile);
    this.log = createLog(config.settings, { file: this.#logFile, quiet: options.quiet });
    this.stopped = new Promise((resolve) => {
      this.#onStopped = resolve;
    });
    this.#orders = new Orders({
      config,
      log: this.log,
      load: options.load,
      hands: () => this.#begun(),
      onConfig: () => {
        this.#logFile?.reopen();
        this.log.level = this.config.settings.log_level;
        this.#settle();
      },
      onShutdown: (mode) => this.#onShutdown(mode),
    });
    this.#ledger = new Ledger(({ database, user }) => effectiveSettings(this.config, database, user));
  }

  get config(): Config {
    return this.#orders.config;
  }

  get state(): ControlState {
    return this.#orders.state;
  }

  get #isGoingDown(): boolean {
    return this.state !== 'running' && this.state !== 'paused';
  }

  perform(order: Order): Promise<Outcome> {
    return this.#orders.perform(order);
  }

  async start(): Promise<void> {
    const { settings, warnings } = this.config;
    for (const { message, key, line } of warnings) this.log.warn({ key, line }, message);
    try {
      this.#pidFile?.claim();
      const exec = fileURLToPath(new URL(`./main${extname(import.meta.url)}`, import.meta.url));
      cluster.setupPrimary({ exec, args: [], serialization: 'advanced' });
      const up = new Promise<void>((resolve, reject) => {
        this.#starting = { resolve, reject };
      });
      for (let worker = 1; worker <= this.#options.workers; worker += 1) this.#fork(worker);
      await up;
      this.#starting = null;
      await this.#doors.open(settings, (socket, isUnix) => this.#accept({ socket, isUnix }));
    } catch (error) {
      this.#starting = null;
      await this.#stop();
      throw error;
    }
    this.#pidFile?.write();
    this.#tellFacts();
    this.#timers.push(
      setInterval(() => this.#tick(), TICK_MS),
      setInterval(() => this.#ping(), PING_MS),
    );
    const [first] = this.#hands.values();
    this.log.info(
      {
        version: packageVersion(),
        addresses: this.#doors.addressesOf(settings),
        http: first?.httpPort ?? 0,
        workers: [...this.#hands.values()].map(({ pid }) => pid),
      },
      'pgsluice is up',
    );
  }

  /** Workers ---------------------------------------------------------------------------------------------------------- */

  #fork(worker: number): void {
    const hand = new Hand(worker, {
      served: (one) => this.#serve(one),
      told: (one, message) => this.#told(one, message),
      exited: (one, code, signal) => this.#exited(one, code, signal),
    });
    this.#hands.set(worker, hand);
  }

  #begun(): Hand[] {
    return [...this.#hands.values()].filter(({ hasBegun }) => hasBegun).sort((a, b) => a.worker - b.worker);
  }

  #told(hand: Hand, message: FromWorker): void {
    const { worker } = hand;
    switch (message.kind) {
      case 'hello':
        this.#begin(hand);
        return;
      case 'up':
        this.#up(hand, message.httpPort);
        return;
      case 'failed':
        if (this.#starting !== null) this.#starting.reject(new Error(message.message));
        else this.log.error({ worker, problem: message.message }, 'a worker can not start');
        return;
      case 'pool':
        this.#ledger.report(worker, message.pool, message.report, performance.now());
        this.#settle();
        return;
      case 'kept':
        this.#ledger.kept(worker, message.pool, message.count);
        this.#settle();
        return;
      case 'took':
        hand.took(message.client);
        return;
      case 'clients':
        hand.open -= message.left;
        hand.clients = message.count;
        return;
      case 'call':
      case 'reply':
    }
  }

  #begin(hand: Hand): void {
    if (this.#isGoingDown) {
      hand.kill();
      return;
    }
    const { worker } = hand;
    const { workers, quiet, mayLackHttp } = this.#options;
    const limit = this.config.settings.max_client_conn;
    const clients = this.#quotas.lend(worker, ALL, blockOf(limit, workers), limit);
    const { config, shared: state } = this.#orders;
    hand.hasBegun = true;
    hand.send({ kind: 'begin', worker, workers, config, port: this.#doors.port, quiet, mayLackHttp, state, clients });
  }

  #up(hand: Hand, httpPort: number): void {
    hand.isUp = true;
    hand.httpPort = httpPort;
    this.#facts = '';
    if (this.#starting === null) this.#tellFacts();
    for (const handed of this.#waiting.splice(0)) this.#accept(handed);
    if ([...this.#hands.values()].every(({ isUp }) => isUp)) this.#starting?.resolve();
  }

  #exited(hand: Hand, code: number | null, signal: string | null): void {
    const { worker } = hand;
    hand.channel.close(`worker ${worker} is gone`);
    this.#hands.delete(worker);
    this.#ledger.died(worker);
    this.#quotas.died(worker);
    this.#lasting.died(worker);
    this.#settle();
    for (const handed of hand.pending.values()) this.#accept(handed);
    if (this.#isDown) return;
    if (this.#starting !== null) {
      this.#starting.reject(new Error(`worker ${worker} ended with ${signal ?? code} before it was up`));
      return;
    }
    if (this.#isGoingDown) {
      if (code !== 0) this.log.error({ worker, code, signal }, 'a worker died on its way down');
      if (this.#hands.size === 0) void this.#stop();
      return;
    }
    const delayMs = this.#rebirth.died(performance.now() - hand.bornAt, worker);
    this.log.error(
      { worker, pid: hand.pid, code, signal, clients: hand.clients, delayMs },
      'a worker died: it is replaced',
    );
    if (delayMs === 0) this.#fork(worker);
    else
      setTimeout(() => {
        if (!this.#isGoingDown) this.#fork(worker);
      }, delayMs);
  }

  /** Connections ------------------------------------------------------------------------------------------------------ */

  /** To the worker that has the fewest. */
  #accept(handed: Handed): void {
    let best: Hand | null = null;
    for (const hand of this.#hands.values()) {
      if (!hand.isUp) continue;
      if (best === null || this.#isBetter(hand, best)) best = hand;
    }
    if (best !== null) best.hand(this.#nextClient++, handed);
    else if (this.#isGoingDown || this.#isDown) handed.socket.destroy();
    else this.#waiting.push(handed);
  }

  #isBetter(a: Hand, b: Hand): boolean {
    const now = performance.now();
    const [aHangs, bHangs] = [a, b].map(({ silentSince }) => silentSince > 0 && now - silentSince > BUSY_MS);
    return aHangs === bHangs ? a.open < b.open : bHangs === true;
  }

  /** What they share -------------------------------------------------------------------------------------------------- */

  /** Behind what has come in this turn of the event loop. */
  #settle(): void {
    if (this.#isSettling) return;
    this.#isSettling = true;
    setImmediate(() => {
      this.#isSettling = false;
      for (const effect of this.#ledger.settle(performance.now()))
        this.#hands.get(effect.worker)?.send({ kind: 'effect', effect });
    });
  }

  async #recallShare(worker: number, key: string, count: number): Promise<number> {
    const hand = this.#hands.get(worker);
    return hand?.channel.call('recallShare', { key, count }).catch(() => 0) ?? 0;
  }

  #tick(): void {
    this.#settle();
    this.#tellFacts();
  }

  #tellFacts(): void {
    const hands = this.#begun();
    const all = hands.reduce((sum, { clients }) => sum + clients, 0);
    const facts = {
      kind: 'crew',
      port: this.#doors.port,
      socketPath: this.#doors.socketPath,
      deaths: this.#rebirth.deaths,
    } as const;
    const key = JSON.stringify([facts, hands.map(({ clients }) => clients)]);
    if (key === this.#facts) return;
    this.#facts = key;
    for (const hand of hands) hand.send({ ...facts, clientsElsewhere: all - hand.clients });
  }

  /** An event loop that does not turn is told of, and nothing else: what it does may end. */
  #ping(): void {
    const now = performance.now();
    for (const hand of this.#begun()) {
      const { worker, silentSince } = hand;
      if (silentSince > 0) {
        if (now - silentSince < HANG_MS || hand.isSilenceTold) continue;
        hand.isSilenceTold = true;
        this.log.warn({ worker, pid: hand.pid, silentMs: Math.round(now - silentSince) }, 'a worker does not answer');
        continue;
      }
      hand.silentSince = now;
      const answered = () => {
        if (hand.isSilenceTold) this.log.warn({ worker }, 'the worker answers again');
        hand.silentSince = 0;
        hand.isSilenceTold = false;
      };
      hand.channel.call('ping', null).then(answered, () => {});
    }
  }

  /** What they say to each other -------------------------------------------------------------------------------------- */

  #serve(hand: Hand): Served<CallsOfWorkers> {
    return {
      order: (order) => this.perform(order),
      ask: async (question) => {
        const complete = this.#lasting.ask(question.name, question.argument);
        const asked = this.#begun().filter(({ isUp }) => isUp);
        const told = await Promise.all(
          asked.map(async ({ worker, channel }) => {
            const answer = await channel.call('answer', question, ASK_MS).catch(() => undefined);
            return answer === undefined ? [] : [{ worker, answer }];
          }),
        );
        if (told.flat().length === 0) throw new Error('no worker answers');
        return complete(told.flat());
      },
      cancel: async ({ worker, processId, key }) => {
        await this.#hands
          .get(worker)
          ?.channel.call('cancel', { processId, key })
          .catch(() => null);
        return null;
      },
      share: ({ key, count, needed, limit }) => this.#quotas.ask(hand.worker, key, count, needed, limit),
      closeDoors: async () => {
        this.#closing ??= this.#doors.closeBehindLast();
        await this.#closing;
        return null;
      },
    };
  }

  /** The end ---------------------------------------------------------------------------------------------------------- */

  #onShutdown(mode: ControlState): void {
    for (const hand of this.#hands.values()) if (!hand.hasBegun) hand.kill();
    if (this.#hands.size === 0) void this.#stop();
    if (mode !== 'immediate') return;
    void this.#doors.close();
    const killer = () => {
      for (const hand of this.#hands.values()) hand.kill();
    };
    this.#timers.push(setTimeout(killer, LAST_WORDS_MS));
  }

  async #stop(): Promise<void> {
    if (this.#isDown) return;
    this.#isDown = true;
    for (const timer of this.#timers) clearTimeout(timer);
    for (const hand of this.#hands.values()) hand.kill();
    for (const { socket } of this.#waiting.splice(0)) socket.destroy();
    void this.#doors.close();
    this.#pidFile?.remove();
    this.log.info('pgsluice is down');
    this.#onStopped();
  }
}

/** Builds and starts; rejects, with everything stopped, when something can't be had. */
export async function startPrimary(config: Config, options: PrimaryOptions): Promise<Primary> {
  const primary = new Primary(config, options);
  await primary.start();
  return primary;
}
