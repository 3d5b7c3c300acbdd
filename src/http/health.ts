// What the probes are told. Liveness is the process's own matter; readiness is whether a client would be served.

import type { Control } from '../control.ts';
import type { Readiness } from '../observe/readiness.ts';
import type { Team } from '../observe/team.ts';
import type { Pools } from '../pool/pools.ts';

export class Health {
  /** Set once everything listens. */
  isStarted = false;
  readonly #control: Control;
  readonly #pools: Pools;
  readonly #team: Team | null;

  /** team: null where the pooler is this process alone. */
  constructor(control: Control, pools: Pools, team: Team | null) {
    this.#control = control;
    this.#pools = pools;
    this.#team = team;
  }

  /** Never false: who can answer is alive, and a Postgres that is away is no reason to kill the pooler. */
  live(): { readonly alive: true; readonly state: string } {
    return { alive: true, state: this.#control.state };
  }

  started(): { readonly started: boolean } {
    return { started: this.isStarted };
  }

  /**
   * Not while it is paused, lets nobody in, or Postgres is away for a pool that has no server left. Going down with
   * wait_for_clients it stays ready: the application still needs it. Under drain it is not from the first moment on, so that new
   * clients are sent elsewhere while shutdown_min_wait still lets them in.
   */
  ready(): Readiness {
    const { state, isOpen } = this.#control;
    const reasons: string[] = [];
    if (!this.isStarted) reasons.push('starting');
    if (!isOpen || state === 'drain') reasons.push('shutting down');
    if (state === 'paused') reasons.push('paused');
    for (const pool of this.#pools) {
      const isAway = pool.lastLoginError !== null && pool.serverCount === pool.servers.login.length;
      if (isAway) reasons.push(`database "${pool.database}": ${pool.lastLoginError?.message}`);
    }
    return { ready: reasons.length === 0, state, reasons };
  }

  /** Of several workers one is enough: a client that comes is served, if not by this one. Nobody is asked while this one is ready. */
  async readyOfAll(): Promise<Readiness> {
    const own = this.ready();
    if (own.ready || this.#team === null) return own;
    const told = await this.#team.ask('ready', null).catch(() => []);
    const ready = told.find(({ answer }) => answer.ready);
    if (ready !== undefined) return ready.answer;
    return {
      ...own,
      reasons: [...new Set([own, ...told.map(({ answer }) => answer)].flatMap(({ reasons }) => reasons))],
    };
  }
}
