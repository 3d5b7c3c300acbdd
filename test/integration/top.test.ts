// `pgsluice top` on a terminal and into a pipe, against answers that strangers wrote.
import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { freePort } from '../support/command.ts';
import { needTool } from '../support/tools.ts';
import { waitUntil } from '../support/wait-until.ts';

const COMMAND = join(import.meta.dirname, '../../src/cli/pgsluice.ts');
const EVIL = '\x1b]0;owned\x07\x1b[2J\r\nnext line';

interface Api {
  readonly url: string;
  answers: Record<string, unknown>;
  requests: number;
  token: string | null;
}

/** Answers as a pgsluice would, with one holder that calls itself something evil. */
async function api(): Promise<Api> {
  const holder = {
    applicationName: EVIL,
    database: 'shop',
    state: 'idle in transaction',
    leak: 'leaked',
    heldMs: 9000,
    silentMs: 8000,
    clientId: 3,
    statement: `SELECT '${EVIL}'`,
  };
  const pool = {
    database: 'shop',
    user: 'app',
    poolMode: 'transaction',
    poolSize: 5,
    clients: { active: 1, idle: 2, waiting: 0 },
    servers: { active: 1, idle: 0 },
    maxWaitMs: 0,
  };
  const state: Api = {
    url: '',
    requests: 0,
    token: null,
    answers: {
      overview: { version: '9.9.9', state: 'running' },
      pools: { pools: [pool] },
      holders: { holders: [holder] },
    },
  };
  const server = createServer((request, response) => {
    state.requests += 1;
    const answer = state.answers[request.url?.replace('/api/v1/', '') ?? ''];
    const isAllowed = state.token === null || request.headers.authorization === `Bearer ${state.token}`;
    response.writeHead(isAllowed ? (answer === undefined ? 404 : 200) : 401, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer ?? {}));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return Object.assign(state, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

interface Running {
  readonly child: ChildProcess;
  output: string;
  errors: string;
  readonly ended: Promise<number | null>;
}

function run(program: string, args: readonly string[]): Running {
  const child = spawn(program, args, { stdio: 'pipe', env: { ...process.env, COLUMNS: '', LINES: '' } });
  const running: Running = { child, output: '', errors: '', ended: new Promise((done) => child.once('exit', done)) };
  child.stdout.on('data', (chunk: Buffer) => {
    running.output += String(chunk);
  });
  child.stderr.on('data', (chunk: Buffer) => {
    running.errors += String(chunk);
  });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await running.ended;
  });
  return running;
}

const top = (...args: string[]) => run(process.execPath, [COMMAND, 'top', ...args]);

test('into a pipe it writes one picture as plain text and ends', async () => {
  const { url } = await api();
  const running = top('--url', url);
  expect(await running.ended).toBe(0);
  expect(running.output).toContain('pgsluice 9.9.9  running\n');
  expect(running.output).toMatch(/^shop +app +transaction/m);
  expect(running.output).toMatch(/^]0;owned \[2J next line +shop +idle in transaction +leaked +9\.0s +8\.0s +3 /m);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
  expect(running.output).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
});

test('it says in a line what is wrong, and ends with 1', async () => {
  const server = await api();
  const fails = async (...args: string[]) => {
    const running = top('--once', ...args);
    return [await running.ended, running.errors];
  };
  const closed = `http://127.0.0.1:${await freePort()}`;
  expect(await fails('--url', closed)).toEqual([1, `pgsluice: no answer from ${closed}: ECONNREFUSED\n`]);
  server.token = 'secret';
  expect(await fails('--url', server.url)).toEqual([
    1,
    `pgsluice: ${server.url} wants a token: --token or PGSLUICE_TOKEN\n`,
  ]);
  expect((await fails('--url', server.url, '--token', 'secret'))[0]).toBe(0);
  server.answers = {};
  expect(await fails('--url', server.url, '--token', 'secret')).toEqual([
    1,
    expect.stringContaining('/api/v1/overview answers 404: is it pgsluice?'),
  ]);
});

test('on a terminal it paints, follows what happens and gives the terminal back', async (context) => {
  const script = needTool(context, 'script');
  const server = await api();
  const line = `stty rows 24 cols 100; exec ${process.execPath} ${COMMAND} top --url ${server.url} --interval 0.2`;
  const running = run(script, ['-qefc', line, '/dev/null']);
  await waitUntil(() => running.output.includes('idle in transaction'));
  expect(running.output.startsWith('\x1b[?1049h')).toBe(true);
  // Nothing of the stranger's escapes, and no second time what has not changed.
  expect(running.output).not.toContain('\x1b]0;');
  await waitUntil(() => server.requests > 12);
  expect(running.output.split('\x1b[2J')).toHaveLength(2);
  expect(running.output.split('idle in transaction')).toHaveLength(2);
  running.child.stdin!.write('?');
  await waitUntil(() => running.output.includes('the other table'));
  running.child.stdin!.write('?');
  server.answers = { ...server.answers, overview: { version: '9.9.10', state: 'paused' } };
  await waitUntil(() => running.output.includes('pgsluice 9.9.10  paused'));
  server.answers = {};
  await waitUntil(() => running.output.includes('answers 404'));
  running.child.stdin!.write('q');
  expect(await running.ended).toBe(0);
  expect(running.output.endsWith('\x1b[?7h\x1b[?25h\x1b[?1049l')).toBe(true);
});

test('a signal gives the terminal back, too', async (context) => {
  const script = needTool(context, 'script');
  const { url } = await api();
  const running = run(script, ['-qefc', `echo $$; exec ${process.execPath} ${COMMAND} top --url ${url}`, '/dev/null']);
  await waitUntil(() => running.output.includes('idle in transaction'));
  process.kill(Number.parseInt(running.output, 10), 'SIGTERM');
  await running.ended;
  expect(running.output.endsWith('\x1b[?7h\x1b[?25h\x1b[?1049l')).toBe(true);
});
