// What SHOW says on the console: the columns that exporters and scripts know from PgBouncer, and rows that are true.
import { expect, test } from 'vitest';
import { usePooler } from '../support/pooler.ts';
import { useDatabase } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import { textValues } from '../support/wire.ts';

const db = useDatabase();
const pooler = usePooler(db, { default_pool_size: 2 });

/** PgBouncer 1.26, src/admin.c: `s` is text, `i` is int4. */
const COLUMNS = {
  VERSION: 'version s',
  CONFIG: 'key s, value s, default s, changeable s',
  DATABASES:
    'name s, host s, port i, database s, force_user s, pool_size i, min_pool_size i, reserve_pool_size i, server_lifetime i, ' +
    'pool_mode s, load_balance_hosts s, max_connections i, current_connections i, max_client_connections i, ' +
    'current_client_connections i, paused i, disabled i',
  POOLS:
    'database s, user s, cl_active i, cl_waiting i, cl_active_cancel_req i, cl_waiting_cancel_req i, sv_active i, ' +
    'sv_active_cancel i, sv_being_canceled i, sv_idle i, sv_used i, sv_tested i, sv_login i, maxwait i, maxwait_us i, ' +
    'pool_mode s, load_balance_hosts s',
  CLIENTS:
    'type s, user s, database s, replication s, state s, addr s, port i, local_addr s, local_port i, connect_time s, ' +
    'request_time s, wait i, wait_us i, close_needed i, ptr s, link s, remote_pid i, tls s, application_name s, ' +
    'prepared_statements i, id i',
  get SERVERS() {
    return this.CLIENTS;
  },
};

test.each(Object.entries(COLUMNS))('SHOW %s has the columns, order and types of PgBouncer', async (name, columns) => {
  const busy = await pooler.current.connect();
  await busy.rows('BEGIN');
  const client = await pooler.current.connect({ database: 'pgbouncer' });
  for (const command of [`SHOW ${name}`, `show ${name.toLowerCase()};`, ` SHOW  ${name} ; `]) {
    const messages = await client.query(command);
    const letters: Record<number, string> = { 25: 's', 23: 'i' };
    const seen = messages[0]?.columns?.map((column) => `${column.name} ${letters[column.typeOid] ?? column.typeOid}`);
    expect(seen?.join(', ')).toBe(columns);
    expect(messages.at(-2)?.tag).toBe('SHOW');
    const rows = messages.filter((message) => message.type === 'D').map(textValues);
    expect(rows.length).toBeGreaterThan(0);
    for (const [i, column] of seen?.entries() ?? []) {
      for (const row of rows) if (column.endsWith(' i')) expect(row[i]).toMatch(/^-?\d+$/);
    }
  }
  await busy.rows('COMMIT');
  await Promise.all([busy.end(), client.end()]);
});

test('SHOW tells who is connected, who waits and who holds what', async () => {
  const clients = await Promise.all(
    [1, 2, 3].map((n) => pooler.current.connect({ params: { application_name: `app ${n}` } })),
  );
  await Promise.all(clients.slice(0, 2).map((client) => client.rows('BEGIN')));
  const waiting = clients[2]?.rows('SELECT 1');
  await waitUntil(() => pooler.current.pool().clients.waiting.length === 1);
  const [pool] = await pooler.current.console('SHOW POOLS');
  expect(pool).toMatchObject({ database: db.current.database, cl_active: 2, cl_waiting: 1, sv_active: 2, sv_idle: 0 });
  const shown = (await pooler.current.console('SHOW CLIENTS')).filter((row) => row.database === db.current.database);
  expect(shown.map((row) => [row.application_name, row.state])).toEqual(
    expect.arrayContaining([
      ['app 1', 'active'],
      ['app 3', 'waiting'],
    ]),
  );
  const servers = await pooler.current.console('SHOW SERVERS');
  const links = servers.map((row) => row.link).sort();
  expect(links).toEqual(
    shown
      .filter((row) => row.state === 'active')
      .map((row) => row.ptr)
      .sort(),
  );
  await Promise.all(clients.slice(0, 2).map((client) => client.rows('COMMIT')));
  await waiting;
  await Promise.all(clients.map((client) => client.end()));
});
