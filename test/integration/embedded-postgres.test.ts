// The embedded Postgres must never outlive the process that started it, however that ends.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { freePort, startEmbeddedPostgres } from '../../src/cli/demo/embedded-postgres.ts';
import { testMajor } from '../support/test-major.ts';
import { waitUntil } from '../support/wait-until.ts';

const module = pathToFileURL('src/cli/demo/embedded-postgres.ts').href;

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}

test.each(['SIGTERM', 'SIGKILL', 'exit'] as const)(
  'after %s of its parent no server and no folder is left',
  async (how) => {
    const script = `
    import { startEmbeddedPostgres } from '${module}';
    const { port, dataDir } = await startEmbeddedPostgres({ major: ${testMajor()} });
    console.log(JSON.stringify({ port, dataDir }));
    process.stdin.on('data', () => process.exit(0));
  `;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const exited = once(parent, 'exit');
    const [line] = await once(createInterface({ input: parent.stdout }), 'line');
    const { port, dataDir } = JSON.parse(line) as { port: number; dataDir: string };
    expect(await listens(port)).toBe(true);
    if (how === 'exit') parent.stdin.write('\n');
    else parent.kill(how);
    await exited;
    await waitUntil(async () => !(await listens(port)) && !existsSync(dataDir), { timeoutMs: 10_000 });
  },
);

test('a port that is taken is reported in the words of the server, and nothing is left', async () => {
  const port = await freePort();
  const first = await startEmbeddedPostgres({ major: testMajor(), port });
  await expect(startEmbeddedPostgres({ major: testMajor(), port })).rejects.toThrow('Address already in use');
  await first.stop();
  expect(existsSync(first.dataDir)).toBe(false);
  expect(await listens(port)).toBe(false);
});

test('settings that Postgres refuses are reported in its words', async () => {
  const starting = startEmbeddedPostgres({ major: testMajor(), settings: { max_connections: 'many' } });
  await expect(starting).rejects.toThrow(/invalid value for parameter "max_connections"/);
});
