// Passwords that come from files and commands: when they are read again, and what is left when they can't be.
import { mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runPasswordCommand } from '../../../src/auth/password-command.ts';
import { PasswordKeeper } from '../../../src/auth/password-keeper.ts';
import type { Config, PasswordSource } from '../../../src/config/config.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { good } from '../config/parse.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'pgsluice-passwords-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

let files = 0;
function write(text: string, path = join(dir, `secret${++files}`)): string {
  writeFileSync(path, text);
  return path;
}

/** A keeper of one user's password, and a clock that stands still until it is told. */
class House {
  now = 1_000_000;
  ttlMs = 60_000;
  readonly problems: string[] = [];
  changes = 0;
  readonly keeper: PasswordKeeper;
  config: Config;
  readonly source: PasswordSource;

  constructor(entry: Record<string, unknown>) {
    this.keeper = new PasswordKeeper({
      now: () => this.now,
      ttlMs: () => this.ttlMs,
      timeoutMs: () => 5_000,
      onChange: () => {
        this.changes += 1;
        this.config = this.keeper.apply(this.config);
      },
      onProblem: (_name, problem) => this.problems.push(problem),
    });
    this.config = this.keeper.use(good(JSON.stringify({ databases: { a: {} }, users: { app: entry } })));
    this.source = this.config.users.get('app')!.passwordSource!;
  }

  get secret(): string | null {
    return this.config.secrets.get('app') ?? null;
  }

  tick(laterMs: number): void {
    this.now += laterMs;
    this.keeper.tick(this.now);
  }
}

/** A command that answers with how often it ran. */
function counting(): { argv: string[]; runs: string } {
  const runs = write('');
  const script = `const fs = require('node:fs'); fs.appendFileSync(process.argv[1], 'x');
    console.log('token' + fs.readFileSync(process.argv[1], 'utf8').length)`;
  return { argv: [process.execPath, '-e', script, runs], runs };
}

describe('a file', () => {
  test('is read again when it changed: in place, replaced, and behind a link', async () => {
    const path = write('one\n');
    const house = new House({ password_file: path });
    expect(house.secret).toBe('one');
    writeFileSync(path, 'two');
    house.tick(1000);
    await waitUntil(() => house.secret === 'two');
    renameSync(write('three'), path);
    house.tick(1000);
    await waitUntil(() => house.secret === 'three');
    unlinkSync(path);
    symlinkSync(write('four'), path);
    house.tick(1000);
    await waitUntil(() => house.secret === 'four');
    expect(house.changes).toBe(3);
  });

  test('is looked at before a login, whatever the time', async () => {
    const path = write('p0');
    const house = new House({ password_file: path });
    for (let turn = 1; turn <= 20; turn += 1) {
      writeFileSync(path, `p${turn}`);
      await house.keeper.refresh(house.source);
      expect(house.secret).toBe(`p${turn}`);
    }
  });

  test('leaves the last password in force when it is gone, empty or no text, and says so once', async () => {
    const path = write('good');
    const house = new House({ password_file: path });
    for (const spoil of [
      () => writeFileSync(path, ''),
      () => writeFileSync(path, Buffer.from([0xff])),
      () => unlinkSync(path),
    ]) {
      spoil();
      await house.keeper.refresh(house.source);
      await house.keeper.refresh(house.source);
    }
    expect(house.secret).toBe('good');
    expect(house.problems).toHaveLength(3);
    write('better', path);
    await house.keeper.refresh(house.source);
    expect(house.secret).toBe('better');
  });

  test('that a reload has read is not overwritten by what was known before', () => {
    const path = write('one');
    const house = new House({ password_file: path });
    writeFileSync(path, 'two');
    const next = good(JSON.stringify({ databases: { a: {} }, users: { app: { password_file: path } } }));
    expect(house.keeper.use(next).secrets.get('app')).toBe('two');
  });
});

describe('a command', () => {
  test('runs at the start, and again when its answer is old', async () => {
    const house = new House({ password_command: counting().argv });
    expect(house.secret).toBeNull();
    await house.keeper.start();
    expect(house.secret).toBe('token1');
    house.tick(59_000);
    await house.keeper.refresh(house.source);
    expect(house.secret).toBe('token1');
    house.tick(1_000);
    await waitUntil(() => house.secret === 'token2');
  });

  test('runs again when its answer is doubted, but not for each of many doubts', async () => {
    const house = new House({ password_command: counting().argv });
    await house.keeper.start();
    house.now += 1000;
    for (let i = 0; i < 50; i += 1) house.keeper.doubt(house.source);
    await waitUntil(() => house.secret === 'token2');
    house.keeper.doubt(house.source);
    await house.keeper.refresh(house.source);
    expect(house.secret).toBe('token2');
  });

  test('that fails leaves the last password in force, and runs again after 5 s', async () => {
    const flag = write('');
    const script = `const fs = require('node:fs'); if (!fs.existsSync(process.argv[1])) process.exit(3); console.log('token')`;
    const house = new House({ password_command: [process.execPath, '-e', script, flag] });
    await house.keeper.start();
    unlinkSync(flag);
    house.tick(60_000);
    await waitUntil(() => house.problems.length === 1);
    expect(house.problems[0]).toContain('exit code 3');
    expect(house.secret).toBe('token');
    house.tick(4_999);
    house.tick(1_000);
    await waitUntil(() => house.problems.length === 2);
  });

  test('keeps what it gave over a reload', async () => {
    const { argv } = counting();
    const house = new House({ password_command: argv });
    await house.keeper.start();
    const next = good(JSON.stringify({ databases: { a: {} }, users: { app: { password_command: argv } } }));
    expect(house.keeper.use(next).secrets.get('app')).toBe('token1');
  });

  test.each([
    [
      'fails',
      ['-e', 'console.error("no\\u001b[31m credentials"); process.exit(1)'],
      /^it ended with exit code 1: no \[31m credentials$/,
    ],
    ['writes nothing', ['-e', ''], /nothing/],
    ['writes two lines', ['-e', 'console.log("a\\nb")'], /more than one line/],
    ['writes too much', ['-e', 'console.log("x".repeat(70000))'], /more than 65536 bytes/],
    ['takes too long', ['-e', 'setInterval(() => {}, 1000)'], /longer than 300 ms/],
  ])('that %s gives a reason', async (_, args, reason) => {
    const timeoutMs = reason.source.includes('300') ? 300 : 10_000;
    expect(await runPasswordCommand([process.execPath, ...args], timeoutMs)).toMatchObject({
      ok: false,
      problem: expect.stringMatching(reason),
    });
  });

  test('that there is not gives a reason, and no shell looks for another', async () => {
    expect(await runPasswordCommand(['/nowhere/token; echo secret'], 1000)).toEqual({
      ok: false,
      problem: 'it can not be run: ENOENT',
    });
    const args = ['-e', 'console.log(process.argv[1])', '$HOME; echo x'];
    expect(await runPasswordCommand([process.execPath, ...args], 10_000)).toEqual({
      ok: true,
      secret: '$HOME; echo x',
    });
  });
});
