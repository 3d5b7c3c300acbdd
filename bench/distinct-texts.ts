// node bench/distinct-texts.ts [--texts 1000000]: that many different statements, named ones that are closed again and unnamed ones:
// what pgsluice keeps of them stays within max_prepared_bytes, and its memory where it was.
import { parseArgs } from 'node:util';
import { startEmbeddedPostgres } from '../src/cli/demo/embedded-postgres.ts';
import { startPooler } from '../test/support/pooler.ts';
import * as build from '../test/support/wire-messages.ts';

const { values } = parseArgs({ options: { texts: { type: 'string', default: '1000000' } } });
const count = Number(values.texts);
const BATCH = 200;
const LIMIT = 16 * 1024 * 1024;
const MB = 1024 * 1024;

const server = await startEmbeddedPostgres();
const { host, port, user, password } = server;
const target = { host, port, user, password, database: 'postgres' };
const pooler = await startPooler(target, { default_pool_size: 2, max_prepared_bytes: LIMIT, log_level: 'error' });

async function run(what: string, messages: (sql: string) => Buffer[]): Promise<void> {
  const client = await pooler.connect();
  const { prepared } = pooler.pool();
  let largest = 0;
  const before = process.memoryUsage().rss;
  for (let sent = 0; sent < count; sent += BATCH) {
    const batch = Array.from({ length: BATCH }, (_, i) =>
      messages(`SELECT ${sent + i} AS "column ${sent + i}"`),
    ).flat();
    client.send(Buffer.concat([...batch, build.sync()]));
    const error = (await client.readUntil('Z')).find(({ type }) => type === 'E');
    if (error !== undefined) throw new Error(error.fields?.M);
    largest = Math.max(largest, prepared.bytes);
  }
  const grown = (process.memoryUsage().rss - before) / MB;
  const kept = `${prepared.size} kept, at most ${(largest / MB).toFixed(1)} of ${LIMIT / MB} MB`;
  console.log(`${count} ${what}: ${kept}; RSS of pgsluice and this client grew by ${grown.toFixed(0)} MB`);
  await client.end();
}

try {
  await run('unnamed statements', (sql) => [build.parse({ sql }), build.bind(), build.execute()]);
  await run('named statements', (sql) => [build.parse({ name: 'n', sql }), build.close('S', 'n')]);
} finally {
  await pooler.stop();
  await server.stop();
}
