// Held against a real PgBouncer: an ini says the same to both, and the table of defaults that differ is whole.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, type TestContext, test } from 'vitest';
import { carriedDefaults, DEFAULT_SOCKET_DIR, ourDefaults } from '../../src/config/ini/pgbouncer-defaults.ts';
import { loadConfig } from '../../src/config/load.ts';
import { formatProblems } from '../../src/config/problems.ts';
import { type ConfigRow, showConfig } from '../../src/config/show-config.ts';
import { findPgbouncer, startPgbouncer } from '../support/pgbouncer.ts';
import { queryOn, useDatabase } from '../support/postgres.ts';
import { skipBecause } from '../support/tools.ts';

const db = useDatabase();

/** Values in the notations that PgBouncer takes. */
const values = {
  default_pool_size: '017',
  query_timeout: '1.5e1',
  server_idle_timeout: '.5',
  server_lifetime: '0120',
  max_client_conn: '0x40',
  log_connections: '0',
  log_disconnections: '0',
  server_round_robin: '1',
  max_packet_size: '1048576',
  pool_mode: 'Statement',
  server_reset_query: "SELECT 'a; b # c'",
  ignore_startup_parameters: 'extra_float_digits, search_path',
  listen_backlog: '64',
  query_wait_notify: '7',
  tcp_keepidle: '30',
};

async function theirConfig(context: TestContext): Promise<Record<string, ConfigRow>> {
  const path = findPgbouncer() ?? skipBecause(context, 'pgbouncer: not found on PATH or in PGBOUNCER=');
  const pgbouncer = await startPgbouncer(path, db.current, { ...values, admin_users: db.current.user });
  onTestFinished(() => pgbouncer.stop());
  const { host, port, user, password } = pgbouncer;
  const rows = await queryOn<ConfigRow & { key: string }>(
    { host, port, user, password, database: 'pgbouncer' },
    'SHOW CONFIG',
  );
  return Object.fromEntries(rows.map((row) => [row.key, row]));
}

function ourConfig(): Record<string, ConfigRow> {
  const dir = mkdtempSync(join(tmpdir(), 'pgsluice-ini-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const lines = Object.entries(values).map(([key, value]) => `${key} = ${value}`);
  writeFileSync(join(dir, 'p.ini'), `[pgbouncer]\nlisten_addr = 127.0.0.1\n${lines.join('\n')}\n`);
  const result = loadConfig(join(dir, 'p.ini'));
  if (!result.ok) expect.fail(formatProblems(result.problems));
  return Object.fromEntries(showConfig(result.config).map((row) => [row.key, row]));
}

test('values of an ini come to the same as with PgBouncer', async (context) => {
  const theirs = await theirConfig(context);
  const ours = ourConfig();
  const compared = Object.keys(values).map((key) => [key, ours[key]?.value]);
  const plain = (value: string | undefined) => value?.replaceAll(', ', ',').toLowerCase();
  expect(compared.map(([key, value]) => [key, plain(value)])).toEqual(
    Object.keys(values).map((key) => [key, plain(theirs[key]?.value)]),
  );
});

test("each of PgBouncer's defaults is ours too, or stands in the table of those that differ", async (context) => {
  const theirs = await theirConfig(context);
  const ours = ourConfig();
  const differing = Object.entries(theirs)
    .filter(([key, { default: theirDefault }]) => ours[key] !== undefined && ours[key].default !== (theirDefault ?? ''))
    .map(([key, row]) => [key, row.default ?? '']);
  expect(Object.fromEntries(differing)).toEqual({ ...carriedDefaults, ...ourDefaults });
  expect(theirs.unix_socket_dir?.default).toBe(DEFAULT_SOCKET_DIR);
});
