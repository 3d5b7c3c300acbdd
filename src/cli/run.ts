// `pgsluice run`: the product. Reads the configuration, starts, acts on signals, ends when the pooler has stopped.

import { type App, startApp } from '../app.ts';
import { loadConfig } from '../config/load.ts';
import { formatProblems } from '../config/problems.ts';
import { type ControlSignal, onSignals } from './early-signals.ts';

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

/** Resolves when the pooler has stopped; the exit codes are told in docs/operations.md. */
export async function run(file: string): Promise<void> {
  const result = loadConfig(file);
  if (!result.ok) {
    console.error(formatProblems(result.problems));
    process.exitCode = 1;
    return;
  }
  const app = await startApp(result.config, { load: () => loadConfig(file) });
  onSignals((signal) => actOn(signal, app));
  await app.stopped;
  // Connections that linger for their last bytes must not keep the process.
  process.exit();
}
