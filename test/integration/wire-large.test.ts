// Messages of any size pass in constant memory: the product itself is a process of its own here, so that it can be measured.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { freePort } from '../../src/cli/demo/embedded-postgres.ts';
import { useDatabase } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import { connect, connectAndLogin } from '../support/wire.ts';
import * as build from '../support/wire-messages.ts';

const SIZE = 200_000_000;
/** What buffers, garbage and the system's socket memory may make of it. */
const GROWTH_MB = 120;

const db = useDatabase();
let child: ChildProcess;
let folder: string;
let port: number;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'pgsluice-large-'));
  port = await freePort();
  const { host, user, password, database } = db.current;
  const file = join(folder, 'pgsluice.yaml');
  const databases = { [database]: { host, port: db.current.port } };
  writeFileSync(
    file,
    stringify({ listen_port: port, http_listen_port: 0, databases, users: { [user]: { password } } }),
  );
  const command = fileURLToPath(new URL('../../src/cli/pgsluice.ts', import.meta.url));
  child = spawn(process.execPath, [command, 'run', '--config', file], { stdio: 'ignore' });
  await waitUntil(
    async () => {
      (await connect(port)).destroy();
      return true;
    },
    { timeoutMs: 20_000 },
  );
});

afterAll(async () => {
  const exited = once(child, 'exit');
  child.kill('SIGQUIT');
  await exited;
  rmSync(folder, { recursive: true, force: true });
});

function residentMb(): number {
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(child.pid)], { encoding: 'utf8' })) / 1024;
}

/** Reads what comes, slower than Postgres sends it, and returns the number of bytes and the most memory that the pooler had. */
async function measure(send: (write: (bytes: Buffer) => Promise<void>) => Promise<void>) {
  const client = await connectAndLogin(port, db.current);
  await client.rows('SELECT 1');
  const { socket } = client;
  socket.removeAllListeners('data');
  let [bytes, chunks, peakMb] = [0, 0, 0];
  const startMb = residentMb();
  const done = new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      chunks += 1;
      if (chunks % 500 === 1) peakMb = Math.max(peakMb, residentMb());
      if (chunk.toString('latin1', chunk.length - 6) === 'Z\0\0\0\x05I') resolve();
      socket.pause();
      setImmediate(() => socket.resume());
    });
  });
  await send(async (part) => {
    if (!socket.write(part)) await once(socket, 'drain');
  });
  await done;
  peakMb = Math.max(peakMb, residentMb());
  client.destroy();
  return { bytes, growthMb: peakMb - startMb };
}

test('a result of 200 MB in many rows streams through in constant memory', async () => {
  const { bytes, growthMb } = await measure((write) =>
    write(build.query(`SELECT repeat('x', 1000) FROM generate_series(1, ${SIZE / 1000})`)),
  );
  expect(bytes).toBeGreaterThan(SIZE);
  expect(growthMb).toBeLessThan(GROWTH_MB);
}, 60_000);

test('a single value of 200 MB streams through in constant memory', async () => {
  const { bytes, growthMb } = await measure((write) => write(build.query(`SELECT repeat('x', ${SIZE})`)));
  expect(bytes).toBeGreaterThan(SIZE);
  expect(growthMb).toBeLessThan(GROWTH_MB);
}, 60_000);

test('a bound value of 200 MB streams through in constant memory, and arrives whole', async () => {
  const { bytes, growthMb } = await measure(async (write) => {
    // Portal, statement, formats (none), one value and its length; behind it the result formats (none).
    const head = [build.cstring(''), build.cstring(''), build.int16(0), build.int16(1), build.int32(SIZE)];
    const length = Buffer.concat(head).length + SIZE + 2 + 4;
    await write(
      Buffer.concat([build.parse({ sql: 'SELECT length($1::text)' }), Buffer.from('B'), build.int32(length)]),
    );
    await write(Buffer.concat(head));
    const piece = Buffer.alloc(1_000_000, 'y');
    for (let sent = 0; sent < SIZE; sent += piece.length) await write(piece);
    await write(Buffer.concat([build.int16(0), build.describe('P'), build.execute(), build.sync()]));
  });
  expect(bytes).toBeLessThan(1000);
  expect(growthMb).toBeLessThan(GROWTH_MB);
}, 60_000);
