// `pgsluice run`: the product. Reads the configuration, starts, acts on signals, ends when the pooler has stopped.

import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { startApp } from '../app.ts';
import type { Config, LoadResult } from '../config/config.ts';
import { isIniFile } from '../config/ini/load-ini.ts';
import { loadConfig } from '../config/load.ts';
import { formatProblems } from '../config/problems.ts';
import { defaultSettings, type Settings } from '../config/settings-table.ts';
import type { ControlState, ShutdownMode } from '../control.ts';
import type { Logger } from '../observe/log.ts';
import type { Order, Outcome } from '../orders.ts';
import { isInBackground, reportToForeground, startInBackground } from './daemon.ts';
import { type ControlSignal, onSignals, releaseSignals } from './early-signals.ts';
import { switchUser } from './switch-user.ts';
import { notifyReady } from './systemd.ts';

/** The pooler, in one process or in several. */
interface Pooler {
  readonly log: Logger;
  readonly state: ControlState;
  readonly shutdownMode: ShutdownMode;
  readonly stopped: Promise<void>;
  perform(order: Order): Promise<Outcome>;
}

/** What each signal does, as in PgBouncer. A TERM or INT that comes again leaves at once. */
function actOn(signal: ControlSignal, pooler: Pooler): void {
  const { log, state } = pooler;
  log.info({ signal }, 'signal');
  const act = (order: Order) => void pooler.perform(order);
  const isGoingDown = state !== 'running' && state !== 'paused';
  switch (signal) {
    case 'SIGHUP':
      act({ verb: 'reload' });
      return;
    case 'SIGUSR1':
      act({ verb: 'pause', database: null });
      return;
    case 'SIGUSR2':
      act({ verb: 'resume', database: null });
      return;
    case 'SIGTERM':
      act({ verb: 'shutdown', mode: isGoingDown ? 'immediate' : pooler.shutdownMode });
      return;
    case 'SIGINT':
      act({ verb: 'shutdown', mode: state === 'wait_for_servers' ? 'immediate' : 'wait_for_servers' });
      return;
    case 'SIGQUIT':
      act({ verb: 'shutdown', mode: 'immediate' });
  }
}

async function startPooler(config: Config, options: StartOptions): Promise<Pooler> {
  const workers = config.settings.workers || availableParallelism();
  if (workers > 1) {
    const { startPrimary } = await import('../workers/primary.ts');
    const primary = await startPrimary(config, { ...options, workers });
    return {
      log: primary.log,
      stopped: primary.stopped,
      get state() {
        return primary.state;
      },
      get shutdownMode() {
        return primary.config.settings.shutdown_mode;
      },
      perform: (order) => primary.perform(order),
    };
  }
  const app = await startApp(config, options);
  return {
    log: app.log,
    stopped: app.stopped,
    get state() {
      return app.control.state;
    },
    get shutdownMode() {
      return app.config.settings.shutdown_mode;
    },
    perform: (order) => app.verbs.perform(order),
  };
}

interface StartOptions {
  readonly load: () => LoadResult;
  readonly quiet: boolean;
  readonly mayLackHttp: boolean;
}

export interface RunOptions {
  /** Nothing on standard output. */
  readonly quiet?: boolean;
  /** 1: log_level debug, more: trace, whatever the file says. */
  readonly verbose?: number;
  /** Wins over the setting of that name. */
  readonly user?: string | null;
  readonly daemon?: boolean;
}

/** Resolves when the pooler has stopped; the exit codes are told in docs/operations.md. */
export async function run(file: string, options: RunOptions = {}): Promise<void> {
  // A reload must find the file wherever the process is then.
  const path = options.daemon === true ? resolve(file) : file;
  const load = () => withLogLevel(loadConfig(path), options.verbose ?? 0);
  const result = load();
  const problem = result.ok ? daemonProblem(result.config.settings, options) : formatProblems(result.problems);
  if (!result.ok || problem !== null) {
    console.error(problem);
    process.exitCode = 1;
    return;
  }
  if (options.daemon === true && !isInBackground()) {
    releaseSignals();
    process.exitCode = await startInBackground();
    return;
  }
  const user = options.user ?? result.config.settings.user;
  if (user !== '') switchUser(user);
  const pooler = await startPooler(result.config, {
    load,
    quiet: options.quiet === true || isInBackground(),
    // PgBouncer has no HTTP: several of them on one machine must not get in each other's way here.
    mayLackHttp: isIniFile(file) && result.config.settings.http_listen_port === defaultSettings.http_listen_port,
  });
  onSignals((signal) => actOn(signal, pooler));
  notifyReady();
  reportToForeground({ up: true });
  await pooler.stopped;
  // Connections that linger for their last bytes must not keep the process.
  process.exit();
}

/** -v, on top of what the file says: at each reload again. */
function withLogLevel(result: LoadResult, verbose: number): LoadResult {
  if (!result.ok || verbose === 0) return result;
  const settings = Object.freeze({ ...result.config.settings, log_level: verbose > 1 ? 'trace' : 'debug' } as const);
  return { ok: true, config: Object.freeze({ ...result.config, settings }) };
}

/** PgBouncer: what is in the background needs a place for its log, and a way to be found. */
function daemonProblem({ logfile, pidfile }: Settings, { daemon }: RunOptions): string | null {
  if (daemon !== true) return null;
  if (pidfile === '') return 'pgsluice: -d needs pidfile, so that the process can be found';
  return logfile === '' ? 'pgsluice: -d needs logfile: nothing would be seen of the log' : null;
}
