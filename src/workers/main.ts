// The process of a worker: the primary starts it, tells it what to begin with, and it ends when the pooler in it has stopped.

import type { Socket } from 'node:net';
import { type FromPrimary, type FromWorker, isMessage } from './messages.ts';
import { Worker } from './worker.ts';

// They are the primary's to act on; a terminal sends them to all.
for (const name of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2'] as const)
  process.on(name, () => {});

let worker: Worker | null = null;

function send(message: FromWorker, sent?: () => void): void {
  // Without the primary it ends anyway: node:cluster sees to that.
  if (process.connected) process.send?.(message, undefined, undefined, sent);
  else sent?.();
}

async function begin(message: Extract<FromPrimary, { kind: 'begin' }>): Promise<void> {
  worker = new Worker(message, send);
  await worker.start();
  await worker.app.stopped;
  process.exit(0);
}

process.on('message', (message: unknown, socket?: Socket) => {
  if (!isMessage(message)) return;
  if (message.kind !== 'begin') {
    worker?.receive(message as FromPrimary, socket);
    return;
  }
  begin(message).catch((error: unknown) => {
    const text = error instanceof Error ? error.message : String(error);
    send({ kind: 'failed', message: text }, () => process.exit(1));
  });
});
send({ kind: 'hello' });
