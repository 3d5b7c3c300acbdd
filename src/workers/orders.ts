// Orders go through the primary to every worker, in one order; what they leave behind is kept for workers that come later.

import type { Config, LoadResult } from '../config/config.ts';
import { formatProblems } from '../config/problems.ts';
import { afterReload } from '../config/reload-plan.ts';
import { withSetting } from '../config/set.ts';
import type { Beginning, ControlState, ShutdownMode } from '../control.ts';
import type { Logger } from '../observe/log.ts';
import type { Order, Outcome } from '../orders.ts';
import { workerOf } from '../util/worker-number.ts';
import type { Hand } from './hand.ts';

export interface OrdersOptions {
  readonly config: Config;
  readonly log: Logger;
  readonly load: () => LoadResult;
  /** Those that orders reach. */
  readonly hands: () => readonly Pick<Hand, 'channel' | 'worker'>[];
  readonly onConfig: () => void;
  /** Behind the order to the workers. */
  readonly onShutdown: (mode: ShutdownMode) => void;
}

const DONE: Outcome = { kind: 'done' };

export class Orders {
  readonly #options: OrdersOptions;
  #config: Config;
  #isPaused = false;
  readonly #paused = new Set<string>();
  readonly #disabled = new Set<string>();
  #shutdown: ShutdownMode | null = null;

  constructor(options: OrdersOptions) {
    this.#options = options;
    this.#config = options.config;
  }

  /** In force. */
  get config(): Config {
    return this.#config;
  }

  get state(): ControlState {
    return this.#shutdown ?? (this.#isPaused ? 'paused' : 'running');
  }

  get shared(): Beginning {
    return {
      isPaused: this.#isPaused,
      pausedDatabases: [...this.#paused],
      disabledDatabases: [...this.#disabled],
    };
  }

  /** Resolves when every worker has done it. */
  async perform(order: Order): Promise<Outcome> {
    if (order.verb === 'reload') return this.#reload(order);
    if (order.verb === 'set') return this.#set(order);
    if (order.verb === 'kill_client') return this.#inOne(order, order.id);
    if (order.verb === 'reclaim') return this.#inOne(order, order.client);
    this.#remember(order);
    const done = this.#inAll(order, null);
    if (order.verb === 'shutdown') this.#options.onShutdown(order.mode);
    return done;
  }

  #remember(order: Order): void {
    switch (order.verb) {
      case 'pause':
      case 'kill':
        if (order.database === null) this.#isPaused = true;
        else this.#paused.add(order.database);
        return;
      case 'resume':
        if (order.database === null) this.#isPaused = false;
        else this.#paused.delete(order.database);
        return;
      case 'disable':
        this.#disabled.add(order.database);
        return;
      case 'enable':
        this.#disabled.delete(order.database);
        return;
      case 'shutdown':
        this.#shutdown = order.mode;
    }
  }

  /** The file is read once: all have what it says, or nobody does. */
  async #reload(order: Order): Promise<Outcome> {
    const { load, log } = this.#options;
    const result = load();
    if (!result.ok) {
      const { problems } = result;
      log.error({ problems: formatProblems(problems) }, 'reload: the file has problems, nothing was changed');
      return { kind: 'problems', problems };
    }
    return this.#change(order, result.config, result.config);
  }

  async #set(order: Extract<Order, { verb: 'set' }>): Promise<Outcome> {
    const result = withSetting(this.#config, order.key, order.value);
    return typeof result === 'string' ? { kind: 'refused', text: result } : this.#change(order, result, null);
  }

  /** In force here first: what is lent from now on keeps to both. */
  #change(order: Order, next: Config, sent: Config | null): Promise<Outcome> {
    this.#config = afterReload(this.#config, next);
    const done = this.#inAll(order, sent);
    this.#options.onConfig();
    return done;
  }

  /** A worker that dies meanwhile has nothing left that it would have to do. */
  async #inAll(order: Order, config: Config | null): Promise<Outcome> {
    const outcomes = await Promise.all(
      this.#options.hands().map(({ channel }) => channel.call('perform', { order, config }).catch(() => DONE)),
    );
    return outcomes.find(({ kind }) => kind !== 'done') ?? DONE;
  }

  async #inOne(order: Order, client: number): Promise<Outcome> {
    const hand = this.#options.hands().find(({ worker }) => worker === workerOf(client));
    if (hand === undefined) return { kind: 'gone' };
    return hand.channel.call('perform', { order, config: null }).catch((): Outcome => ({ kind: 'gone' }));
  }
}
