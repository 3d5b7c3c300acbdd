// Signals during the start, in a real process: this one's belong to the test runner.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { pathToFileURL } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { waitUntil } from '../../support/wait-until.ts';

const module = pathToFileURL('src/cli/early-signals.ts').href;
let child: ChildProcess | undefined;
let output = '';

afterEach(() => {
  child?.kill('SIGKILL');
});

/** Holds signals, prints "held", and hands over when a line comes in. */
function start(): ChildProcess {
  const script = `
    import { holdSignals, onSignals, releaseSignals } from '${module}';
    holdSignals();
    process.stdin.on('data', (line) => {
      if (String(line).startsWith('release')) { releaseSignals(); console.log('released'); }
      else { onSignals((signal) => console.log(signal)); console.log('up'); }
    });
    console.log('held');
  `;
  output = '';
  const started = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['pipe', 'pipe', 'pipe'] });
  for (const stream of [started.stdout, started.stderr]) stream.on('data', (chunk) => (output += chunk));
  child = started;
  return started;
}

const printed = (text: string) => waitUntil(() => output.includes(text), { what: `${text} in ${output}` });

test('signals during the start neither kill nor open a debugger, and are handed over when it is up', async () => {
  const process = start();
  await printed('held');
  for (const signal of ['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGTERM'] as const) process.kill(signal);
  process.stdin?.write('go\n');
  await printed('SIGUSR2');
  await printed('SIGTERM');
  expect(output).toContain('SIGHUP\n');
  expect(output).toContain('SIGUSR1\n');
  expect(output).not.toContain('Debugger');
});

test('later signals reach the handler as they come', async () => {
  const process = start();
  await printed('held');
  process.stdin?.write('go\n');
  await printed('up');
  process.kill('SIGINT');
  await printed('SIGINT');
});

test('released signals have their default effect again', async () => {
  const process = start();
  await printed('held');
  process.stdin?.write('release\n');
  await printed('released');
  const exited = once(process, 'exit');
  process.kill('SIGTERM');
  expect(await exited).toEqual([null, 'SIGTERM']);
});
