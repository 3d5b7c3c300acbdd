// `pgsluice demo`: an embedded Postgres with pgsluice in front of it, and what to type to see it work.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type App, startApp } from '../app.ts';
import { parseConfig } from '../config/load.ts';
import { formatProblems } from '../config/problems.ts';
import { type Address, demoUser, startDemoDatabase, waitForQuery } from './demo/demo-database.ts';
import type { EmbeddedPostgres } from './demo/embedded-postgres.ts';
import { playLeakScenario, SCENARIO_POOL_SIZE } from './demo/leak-scenario.ts';

export interface DemoOptions {
  /** Where pgsluice listens; 0 picks a free port. */
  port: number;
  httpPort: number;
  logLevel: string;
  /** What is played besides; none: an empty database that waits. */
  scenario?: 'leak';
}

/** For the actions of the dashboard, a new one each time. */
const token = randomBytes(16).toString('hex');

function demoConfig(postgres: { host: string; port: number }, options: DemoOptions): string {
  return `
listen_addr: 127.0.0.1
listen_port: ${options.port}
http_listen_addr: 127.0.0.1
http_listen_port: ${options.httpPort}
http_action_token: ${token}
log_level: ${options.logLevel}
auth_type: scram-sha-256
admin_users: [${demoUser.user}]
default_pool_size: ${options.scenario === undefined ? 5 : SCENARIO_POOL_SIZE}
databases:
  ${demoUser.database}: { host: ${postgres.host}, port: ${postgres.port}, dbname: ${demoUser.database} }
users:
  ${demoUser.user}: { password: ${demoUser.password} }
`;
}

/** What to try, with addresses to copy. */
function instructions(address: Address, httpPort: number, version: string, postgresPort: number): string {
  const server = `${address.user}:${address.password}@${address.host}:${address.port}`;
  const url = `postgres://${server}/${address.database}`;
  const script = `new (require('pg').Client)('${url}')`;
  return `
pgsluice is ready: a query went through to PostgreSQL ${version} (its own port is ${postgresPort}).

  connection string   ${url}
  psql                psql ${url}
  node                node -e "const c = ${script}; c.connect().then(() => c.query('SELECT now()')).then(r => console.log(r.rows)).finally(() => c.end())"
  console             psql postgres://${server}/pgsluice -c 'SHOW POOLS'
                      (SHOW HOLDERS: who holds a server now; SHOW LEAKS; SHOW EVENTS)
  dashboard           http://127.0.0.1:${httpPort}/#token=${token}
  status              http://127.0.0.1:${httpPort}/healthz and /metrics

Ctrl-C stops both; the data is thrown away.
`;
}

async function startInFront(postgres: EmbeddedPostgres, options: DemoOptions): Promise<App> {
  const result = parseConfig(demoConfig(postgres, options), { file: 'demo', env: {} });
  if (!result.ok) throw new Error(formatProblems(result.problems));
  return startApp(result.config);
}

/** Runs until a signal; rejects, with everything stopped, when something does not start. */
export async function demo(options: DemoOptions): Promise<void> {
  // From here on, so that Ctrl-C during the start stops what was started.
  const interrupted = Promise.race(['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => once(process, signal)));
  console.log('Starting PostgreSQL and pgsluice ...');
  const postgres = await startDemoDatabase();
  try {
    const app = await startInFront(postgres, options);
    try {
      const address = { host: '127.0.0.1', port: app.port, ...demoUser };
      const version = await Promise.race([waitForQuery(address), interrupted]);
      if (typeof version === 'string') {
        console.log(instructions(address, app.httpPort, version, postgres.port));
        if (options.scenario === 'leak')
          await playLeakScenario(address, { ...demoUser, host: postgres.host, port: postgres.port }, interrupted);
        await interrupted;
      }
      console.log('Stopping ...');
    } finally {
      await app.stop();
    }
  } finally {
    await postgres.stop();
  }
}
