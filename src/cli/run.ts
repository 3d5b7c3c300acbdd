// `pgsluice run`: the product. Reads the configuration, starts, acts on signals, ends when the pooler has stopped.

import { resolve } from 'node:path';
import { type App, startApp } from '../app.ts';
import type { LoadResult } from '../config/config.ts';
import { isIniFile } from '../config/ini/load-ini.ts';
import { loadConfig } from '../config/load.ts';
import { formatProblems } from '../config/problems.ts';
import { defaultSettings, type Settings } from '../config/settings-table.ts';
import { isInBackground, reportToForeground, startInBackground } from './daemon.ts';
import { type ControlSignal, onSignals, releaseSignals } from './early-signals.ts';
import { switchUser } from './switch-user.ts';
import { notifyReady } from './systemd.ts';

/** What each signal does, as in PgBouncer. A TERM or INT that comes again leaves at once. */
function actOn(signal: ControlSignal, app: App): void {
  const { control } = app;
  app.log.info({ signal }, 'signal');
  const isGoingDown = control.state !== 'running' && control.state !== 'paused';
  switch (signal) {
    case 'SIGHUP':
      control.reload();
      return;
    case 'SIGUSR1':
      void control.pause(null);
      return;
    case 'SIGUSR2':
      control.resume(null);
      return;
    case 'SIGTERM':
      control.shutdown(isGoingDown ? 'immediate' : control.config.settings.shutdown_mode);
      return;
    case 'SIGINT':
      control.shutdown(control.state === 'wait_for_servers' ? 'immediate' : 'wait_for_servers');
      return;
    case 'SIGQUIT':
      control.shutdown('immediate');
  }
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
  const app = await startApp(result.config, {
    load,
    quiet: options.quiet === true || isInBackground(),
    // PgBouncer has no HTTP: several of them on one machine must not get in each other's way here.
    mayLackHttp: isIniFile(file) && result.config.settings.http_listen_port === defaultSettings.http_listen_port,
  });
  onSignals((signal) => actOn(signal, app));
  notifyReady();
  reportToForeground({ up: true });
  await app.stopped;
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
