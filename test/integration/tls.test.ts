// Encryption on both sides: who gets it, who is refused, and with which words.
import { readFileSync, writeFileSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import pg from 'pg';
import { beforeAll, describe, expect, it, test } from 'vitest';
import { Authority, type Certificate, encryptPostgres } from '../support/certificates.ts';
import { startCrew } from '../support/crew.ts';
import { queryOn, type TestDatabase, usePrivatePostgres } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import { cancel } from '../support/wire.ts';
import { expectNever, poolerFor } from './settings/for-settings.ts';

let ca: Authority;
let stranger: Authority;
let door: Certificate;
let ofPostgres: Certificate;
const postgres = usePrivatePostgres();

beforeAll(async () => {
  ca = await Authority.make();
  stranger = await Authority.make('CN=Somebody Else');
  door = await ca.issue({ subject: 'CN=pgsluice', names: ['localhost', '127.0.0.1'] });
  ofPostgres = await ca.issue({ subject: 'CN=postgres', names: ['127.0.0.1', 'localhost'] });
  await encryptPostgres(postgres.current, ofPostgres, { ca });
});

const target = () => {
  const { host, port, user, password } = postgres.current;
  return { host, port, user, password, database: 'postgres' };
};
const doorSettings = () => ({ client_tls_cert_file: door.certFile, client_tls_key_file: door.keyFile });
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
const IS_ENCRYPTED = 'SELECT ssl, version, client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()';

describe('a client', () => {
  it('gets encryption when it asks for it, and the certificate that was named', async () => {
    const pooler = await poolerFor(target(), { ...doorSettings(), client_tls_sslmode: 'allow' });
    const [row] = await queryOn({ ...pooler.config, ssl: { ca: ca.cert } }, 'SELECT 1 AS one');
    expect(row).toEqual({ one: 1 });
    const client = new pg.Client({ ...pooler.config, ssl: { ca: ca.cert } });
    await client.connect();
    const shown = await pooler.console('SHOW CLIENTS');
    expect(shown.map(({ tls }) => tls)).toContain('TLSv1.3/TLS_AES_256_GCM_SHA384');
    await client.end();
    expect(await pooler.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('is refused in the clear where encryption is required, with SSL required and 28000', async () => {
    const pooler = await poolerFor(target(), { ...doorSettings(), client_tls_sslmode: 'require' });
    const error = await pooler.query('SELECT 1').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: '28000', message: expect.stringContaining('SSL required') });
    expect(await queryOn({ ...pooler.config, ssl: { ca: ca.cert } }, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('needs a certificate of the right authority with verify-full, one that has not expired', async () => {
    const settings = { ...doorSettings(), client_tls_sslmode: 'verify-full', client_tls_ca_file: ca.certFile };
    const pooler = await poolerFor(target(), settings);
    const login = (own: Certificate | null) => {
      const ssl = { ca: ca.cert, ...(own !== null && { cert: own.cert, key: own.key }) };
      return queryOn({ ...pooler.config, ssl }, 'SELECT 1 AS one').catch((error: unknown) => error);
    };
    const refused = { code: '28000', message: 'connection requires a valid client certificate' };
    expect(await login(null)).toMatchObject(refused);
    expect(await login(await stranger.issue({ subject: 'CN=app' }))).toMatchObject(refused);
    expect(await login(await ca.issue({ subject: 'CN=app', isExpired: true }))).toMatchObject(refused);
    expect(await login(await ca.issue({ subject: 'CN=app' }))).toEqual([{ one: 1 }]);
    const details = pooler.log.map(({ detail }) => detail).filter((detail) => detail !== undefined);
    expect(details.join()).toMatch(/CERT_HAS_EXPIRED/);
  });

  it('of PostgreSQL 17 may begin with the handshake, if it names postgresql in ALPN', async () => {
    const pooler = await poolerFor(target(), { ...doorSettings(), client_tls_sslmode: 'allow' });
    const direct = { ...pooler.config, ssl: { ca: ca.cert, ALPNProtocols: ['postgresql'] }, sslnegotiation: 'direct' };
    expect(await queryOn(direct as pg.ClientConfig, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    const said = await speakDirectly(pooler.port, []);
    expect(said.text).toContain('direct SSL connection without ALPN');
    const other = await speakDirectly(pooler.port, ['http/1.1']);
    expect(other.error).toMatch(/no application protocol|ALPN|alert number 120/i);
  });

  it('is cut when bytes come with its request for encryption: they were not encrypted', async () => {
    const pooler = await poolerFor(target(), { ...doorSettings(), client_tls_sslmode: 'allow' });
    const answer = await say(pooler.port, Buffer.concat([SSL_REQUEST, Buffer.from('x')]));
    expect(answer.toString()).toContain('received unencrypted data after SSL request');
    expect(answer[0]).not.toBe(0x53);
  });

  it('is told N where encryption is off, and goes on in the clear', async () => {
    const pooler = await poolerFor(target());
    const socket = connectTcp(pooler.port, '127.0.0.1');
    socket.write(SSL_REQUEST);
    const [chunk] = await new Promise<Buffer[]>((done) => socket.once('data', (data) => done([data])));
    socket.destroy();
    expect(chunk?.toString()).toBe('N');
  });

  it('that breaks off the handshake leaves nothing behind', async () => {
    const pooler = await poolerFor(target(), { ...doorSettings(), client_tls_sslmode: 'allow' });
    for (const rest of [null, Buffer.from([22, 3, 1, 0, 200, 1]), Buffer.alloc(600, 0x41)]) {
      const socket = connectTcp(pooler.port, '127.0.0.1');
      socket.on('error', () => {});
      socket.write(SSL_REQUEST);
      await new Promise((done) => socket.once('data', done));
      if (rest !== null) socket.write(rest);
      if (rest?.length !== 600) socket.destroy();
    }
    await waitUntil(() => pooler.app.clients.size === 0);
  });

  it('reads large results over TLS whole, and is slowed down when it reads slowly', async () => {
    const pooler = await poolerFor(target(), { ...doorSettings(), client_tls_sslmode: 'require' });
    const config = { ...pooler.config, ssl: { ca: ca.cert } };
    const [row] = await queryOn<{ text: string }>(config, "SELECT repeat('abcdefgh', 1000000) AS text");
    expect(row?.text.length).toBe(8_000_000);
    expect(await queryOn(config, 'SELECT length($1) AS length', [row?.text])).toEqual([{ length: 8_000_000 }]);
  });
});

describe('a client that does not read', () => {
  it('stops Postgres from sending, encrypted or not', async () => {
    const pooler = await poolerFor(target(), { ...doorSettings(), client_tls_sslmode: 'require' });
    const client = new pg.Client({ ...pooler.config, ssl: { ca: ca.cert } });
    client.on('error', () => {});
    await client.connect();
    const socket = (client as unknown as { connection: { stream: Socket } }).connection.stream;
    const answer = client.query("SELECT repeat('x', 100000) FROM generate_series(1, 2000)");
    await waitUntil(() => [...pooler.app.clients].some(({ server }) => server?.isRunning === true));
    socket.pause();
    const one = [...pooler.app.clients].find(({ server }) => server !== null)!;
    await waitUntil(() => one.server?.stream.isReadingPaused === true && one.stream.unsentBytes > 0);
    // Of 200 MB: what was read before the socket was full, and no more.
    await expectNever(() => one.stream.unsentBytes > 4_000_000, 300);
    socket.resume();
    expect((await answer).rowCount).toBe(2000);
    await client.end();
  });
});

describe('Postgres', () => {
  it('is reached over TLS by itself where it offers it, cancel requests too', async () => {
    const pooler = await poolerFor(target());
    expect(await pooler.query(IS_ENCRYPTED)).toMatchObject([{ ssl: true, version: 'TLSv1.3' }]);
    const servers = await pooler.console('SHOW SERVERS');
    expect(servers.map(({ tls }) => tls)).toEqual(['TLSv1.3/TLS_AES_256_GCM_SHA384']);
    const client = await pooler.connect();
    const slow = client.rows('SELECT pg_sleep(30)').catch((error: unknown) => error);
    await waitUntil(() => [...pooler.app.clients].some(({ server }) => server?.isRunning === true));
    await cancel(pooler.port, client.session.pid, client.session.key);
    expect(await slow).toMatchObject({ code: '57014' });
    await client.end();
  });

  it('is reached in the clear when that is said', async () => {
    const pooler = await poolerFor(target(), { server_tls_sslmode: 'disable' });
    expect(await pooler.query(IS_ENCRYPTED)).toMatchObject([{ ssl: false }]);
  });

  it('must have a certificate of the named authority, for its host, as the mode says', async () => {
    const login = async (settings: Record<string, unknown>) => {
      const pooler = await poolerFor(target(), { ...settings, server_login_retry: '0.1s' });
      return pooler.query(IS_ENCRYPTED).catch((error: unknown) => (error as Error).message);
    };
    const host = 'localhost';
    const { port } = postgres.current;
    const databases = { postgres: { host, port } };
    const ownCa = { server_tls_ca_file: ca.certFile };
    expect(await login({ ...ownCa, server_tls_sslmode: 'verify-full', databases })).toMatchObject([{ ssl: true }]);
    expect(await login({ ...ownCa, server_tls_sslmode: 'verify-ca' })).toMatchObject([{ ssl: true }]);
    expect(await login({ server_tls_ca_file: stranger.certFile, server_tls_sslmode: 'verify-ca' })).toMatch(
      /SSL error/,
    );
    expect(await login({ server_tls_ca_file: stranger.certFile, server_tls_sslmode: 'require' })).toMatchObject([
      { ssl: true },
    ]);
    await encryptPostgres(postgres.current, await ca.issue({ subject: 'CN=other', names: ['other.example'] }), { ca });
    expect(await login({ ...ownCa, server_tls_sslmode: 'verify-full' })).toMatch(/SSL error: .*does not match/);
    expect(await login({ ...ownCa, server_tls_sslmode: 'verify-ca' })).toMatchObject([{ ssl: true }]);
    await encryptPostgres(
      postgres.current,
      await ca.issue({ subject: 'CN=old', names: ['127.0.0.1'], isExpired: true }),
      { ca },
    );
    expect(await login({ ...ownCa, server_tls_sslmode: 'verify-ca' })).toMatch(/SSL error: certificate has expired/);
    await encryptPostgres(postgres.current, ofPostgres, { ca });
  });

  it('is shown our own certificate when it asks', async () => {
    const own = await ca.issue({ subject: 'CN=sidecar' });
    const pooler = await poolerFor(target(), {
      server_tls_cert_file: own.certFile,
      server_tls_key_file: own.keyFile,
      server_tls_sslmode: 'require',
    });
    expect(await pooler.query(IS_ENCRYPTED)).toMatchObject([{ client_dn: '/CN=sidecar' }]);
  });

  it('of version 17 is reached by direct TLS', async (context) => {
    const pooler = await poolerFor(target(), { server_tls_sslmode: 'require', server_tls_sslnegotiation: 'direct' });
    const major = Number((await queryOn(target(), 'SHOW server_version'))[0]?.server_version.split('.')[0]);
    if (major < 17) return context.skip('PostgreSQL 17 was the first');
    expect(await pooler.query(IS_ENCRYPTED)).toMatchObject([{ ssl: true }]);
  });
});

describe('a file that is replaced', () => {
  it('is in force within 5 s, and a bad one leaves the last good one in place', async () => {
    const certFile = `${ca.folder}/rotated.crt`;
    const keyFile = `${ca.folder}/rotated.key`;
    const place = ({ cert, key }: Pick<Certificate, 'cert' | 'key'>) => {
      writeFileSync(certFile, cert);
      writeFileSync(keyFile, key);
    };
    place(door);
    const pooler = await poolerFor(target(), {
      client_tls_sslmode: 'require',
      client_tls_cert_file: certFile,
      client_tls_key_file: keyFile,
    });
    const nameShown = () =>
      new Promise<string>((done, fail) => {
        const socket = connectTcp(pooler.port, '127.0.0.1', () => socket.write(SSL_REQUEST));
        socket.once('error', fail);
        socket.once('data', () => {
          const secure = connectTls({ socket, rejectUnauthorized: false }, () => {
            done(String(secure.getPeerCertificate().subject.CN));
            secure.destroy();
          });
          secure.once('error', fail);
        });
      });
    expect(await nameShown()).toBe('pgsluice');
    place(await ca.issue({ subject: 'CN=second', names: ['127.0.0.1'] }));
    const since = performance.now();
    await waitUntil(async () => (await nameShown()) === 'second', { timeoutMs: 8_000 });
    expect(performance.now() - since).toBeLessThan(5_000);
    place({ cert: readFileSync(certFile, 'utf8'), key: 'nonsense' });
    await waitUntil(() => pooler.log.find(({ msg }) => msg.includes('can not be used')), { timeoutMs: 8_000 });
    expect(await nameShown()).toBe('second');
    place(await ca.issue({ subject: 'CN=third', names: ['127.0.0.1'] }));
    await waitUntil(async () => (await nameShown()) === 'third', { timeoutMs: 8_000 });
  });
});

/** A handshake without a request; what is said to it, or why there was none. */
function speakDirectly(port: number, protocols: string[]): Promise<{ text: string; error: string }> {
  return new Promise((done) => {
    const socket = connectTls({
      port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      ...(protocols.length > 0 && { ALPNProtocols: protocols }),
    });
    let [text, error] = ['', ''];
    socket.on('data', (chunk) => {
      text += chunk.toString();
    });
    socket.on('error', (thrown) => {
      error = thrown.message;
    });
    socket.on('close', () => done({ text, error }));
  });
}

function say(port: number, bytes: Buffer): Promise<Buffer> {
  return new Promise((done) => {
    const chunks: Buffer[] = [];
    const socket = connectTcp(port, '127.0.0.1', () => socket.write(bytes));
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', () => {});
    socket.on('close', () => done(Buffer.concat(chunks)));
  });
}

test('workers: the place of an encrypted server goes to the other worker when its connection is closed', async () => {
  const settings = { default_pool_size: 1, server_tls_sslmode: 'verify-full', server_tls_ca_file: ca.certFile };
  const query = (sql: string) => queryOn(target(), sql);
  const crew = await startCrew({ ...target(), query } as TestDatabase, settings);
  const all = [await crew.connect(), await crew.connect()];
  for (let i = 0; i < 3; i += 1) for (const client of all) expect(await client.rows('SELECT 1')).toEqual([['1']]);
});
