// Runs the pooler in the background: a process of its own session, which outlives the one that was started. Node can't fork, so the
// command is started a second time; the first waits until that one is up, or tells why it isn't.
import { spawn } from 'node:child_process';

/** The background process finds itself by this. */
const MARK = 'PGSLUICE_IN_BACKGROUND';

interface Report {
  readonly up?: boolean;
  readonly error?: string;
}

export function isInBackground(): boolean {
  return process.env[MARK] === '1';
}

/** Starts the same command in the background and resolves to an exit code: 0 as soon as it serves. */
export async function startInBackground(): Promise<number> {
  const [, command = '', ...args] = process.argv;
  const child = spawn(process.execPath, [...process.execArgv, command, ...args], {
    detached: true,
    env: { ...process.env, [MARK]: '1' },
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const report = await new Promise<Report>((done) => {
    child.once('message', (message) => done(message as Report));
    child.once('error', ({ message }) => done({ error: message }));
    child.once('exit', (code, signal) => done({ error: `the process in the background ended with ${signal ?? code}` }));
  });
  child.disconnect?.();
  child.unref();
  if (report.up === true) return 0;
  console.error(`pgsluice: ${report.error ?? 'it did not start'}`);
  return 1;
}

/** In the background: tells the waiting command that it is up, or why it will not be. */
export function reportToForeground(report: Report): void {
  if (!isInBackground() || process.send === undefined) return;
  process.send(report, () => process.disconnect());
}
