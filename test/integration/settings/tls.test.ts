// The settings of encryption: each seen in what the two ends agree on.
import { connect as connectTcp } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { beforeAll, expect, test } from 'vitest';
import { Authority, type Certificate, encryptPostgres } from '../../support/certificates.ts';
import type { TestPooler } from '../../support/pooler.ts';
import { queryOn, usePrivatePostgres } from '../../support/postgres.ts';
import { poolerFor } from './for-settings.ts';

const postgres = usePrivatePostgres();
let ca: Authority;
let door: Certificate;

beforeAll(async () => {
  ca = await Authority.make();
  door = await ca.issue({ subject: 'CN=door', names: ['127.0.0.1'] });
  await encryptPostgres(postgres.current, await ca.issue({ subject: 'CN=postgres', names: ['127.0.0.1'] }), { ca });
});

function pooler(settings: Record<string, unknown>): Promise<TestPooler> {
  const { host, port, user, password } = postgres.current;
  return poolerFor({ host, port, user, password, database: 'postgres' }, settings);
}

const withDoor = (settings: Record<string, unknown>) =>
  pooler({
    client_tls_sslmode: 'allow',
    client_tls_cert_file: door.certFile,
    client_tls_key_file: door.keyFile,
    ...settings,
  });

/** What a client that connects so agrees on with the pooler; a word about why not. */
function agreed<T>(port: number, options: ConnectionOptions, what: (socket: TLSSocket) => T): Promise<T | string> {
  return new Promise((done) => {
    const socket = connectTcp(port, '127.0.0.1', () => socket.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])));
    socket.once('error', (error) => done(error.message));
    socket.once('data', () => {
      const secure = connectTls({ socket, rejectUnauthorized: false, ...options });
      secure.once('error', (error) => done(error.message));
      secure.once('secureConnect', () => {
        done(what(secure));
        secure.destroy();
      });
    });
  });
}

/** How Postgres sees the connection that serves. */
async function seen(served: TestPooler) {
  const sql = 'SELECT ssl, version, cipher, client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()';
  return (await served.query(sql))[0];
}

const login = (port: number, ssl: object) => {
  const { user, password } = postgres.current;
  const config = { host: '127.0.0.1', port, user, password, database: 'postgres', ssl: { ca: ca.cert, ...ssl } };
  return queryOn(config, 'SELECT 1 AS one').catch((error: Error) => error.message);
};

test('client_tls_sslmode: disable offers no encryption, allow does, require wants it', async () => {
  const closed = await pooler({});
  expect(await login(closed.port, {})).toMatch(/does not support SSL/);
  expect(await login((await withDoor({})).port, {})).toEqual([{ one: 1 }]);
  const strict = await withDoor({ client_tls_sslmode: 'require' });
  await expect(strict.query('SELECT 1')).rejects.toThrow('SSL required');
  expect(await login(strict.port, {})).toEqual([{ one: 1 }]);
});

test('client_tls_cert_file: is shown to clients', async () => {
  const { port } = await withDoor({});
  expect(await agreed(port, {}, (socket) => socket.getPeerCertificate().subject.CN)).toBe('door');
});

test('client_tls_key_file: must belong to the certificate, or pgsluice does not start', async () => {
  const other = await ca.issue({ subject: 'CN=other' });
  await expect(withDoor({ client_tls_key_file: other.keyFile })).rejects.toThrow(/client_tls_key_file .*mismatch/i);
  await expect(withDoor({ client_tls_key_file: '/nowhere' })).rejects.toThrow(/client_tls_key_file: ENOENT/);
});

test('client_tls_ca_file: certificates of clients are held against it', async () => {
  const { port } = await withDoor({ client_tls_sslmode: 'verify-ca', client_tls_ca_file: ca.certFile });
  expect(await login(port, {})).toBe('connection requires a valid client certificate');
  expect(await login(port, await ca.issue({ subject: 'CN=app' }))).toEqual([{ one: 1 }]);
  const stranger = await Authority.make('CN=Stranger');
  expect(await login(port, await stranger.issue({ subject: 'CN=app' }))).toMatch('requires a valid client certificate');
});

test('client_tls_protocols: is the versions that clients may speak', async () => {
  const { port } = await withDoor({ client_tls_protocols: 'tlsv1.2' });
  expect(await agreed(port, {}, (socket) => socket.getProtocol())).toBe('TLSv1.2');
  const newer = await withDoor({ client_tls_protocols: 'tlsv1.3' });
  expect(await agreed(newer.port, { maxVersion: 'TLSv1.2' }, () => 'agreed')).toMatch(/protocol version/);
});

test('client_tls_ciphers: is what clients of TLS 1.2 may choose from', async () => {
  const { port } = await withDoor({ client_tls_ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384' });
  const old = { maxVersion: 'TLSv1.2' } as const;
  expect(await agreed(port, old, (socket) => socket.getCipher().name)).toBe('ECDHE-ECDSA-AES256-GCM-SHA384');
  expect(await agreed(port, { ...old, ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' }, () => 'agreed')).toMatch(/handshake/);
});

test('client_tls13_ciphers: is what clients of TLS 1.3 may choose from', async () => {
  const { port } = await withDoor({ client_tls13_ciphers: 'TLS_CHACHA20_POLY1305_SHA256' });
  expect(await agreed(port, {}, (socket) => socket.getCipher().name)).toBe('TLS_CHACHA20_POLY1305_SHA256');
});

test('client_tls_ecdhcurve: is the curve of the keys', async () => {
  const { port } = await withDoor({ client_tls_ecdhcurve: 'P-384', client_tls_protocols: 'tlsv1.2' });
  const curve = (socket: TLSSocket) => (socket.getEphemeralKeyInfo() as { name?: string }).name;
  expect(await agreed(port, {}, curve)).toBe('secp384r1');
});

test('server_tls_sslmode: disable speaks in the clear, prefer takes what is offered, verify-full looks at the name', async () => {
  expect(await seen(await pooler({ server_tls_sslmode: 'disable' }))).toMatchObject({ ssl: false });
  expect(await seen(await pooler({}))).toMatchObject({ ssl: true });
  const strict = { server_tls_sslmode: 'verify-full', server_tls_ca_file: ca.certFile };
  expect(await seen(await pooler(strict))).toMatchObject({ ssl: true });
  const databases = { postgres: { host: 'localhost', port: postgres.current.port } };
  await expect((await pooler({ ...strict, databases })).query('SELECT 1')).rejects.toThrow(/SSL error.*localhost/);
});

test('server_tls_sslnegotiation: direct begins with the handshake', async (context) => {
  const direct = await pooler({ server_tls_sslmode: 'require', server_tls_sslnegotiation: 'direct' });
  const [row] = await queryOn<{ major: number }>(
    { ...direct.config, port: postgres.current.port },
    "SELECT current_setting('server_version_num')::int / 10000 AS major",
  );
  if (row!.major < 17) return context.skip('PostgreSQL 17 was the first');
  expect(await seen(direct)).toMatchObject({ ssl: true });
});

test('server_tls_channel_binding: require lets nobody be asked for less, and needs encryption', async () => {
  const settings = { server_tls_channel_binding: 'require' };
  expect(await seen(await pooler(settings))).toMatchObject({ ssl: true });
  const plain = await pooler({ ...settings, server_tls_sslmode: 'disable' });
  await expect(plain.query('SELECT 1')).rejects.toThrow(/channel binding is required, and the connection has no TLS/);
});

test('server_tls_ca_file: must have signed the certificate of Postgres', async () => {
  const { certFile } = await Authority.make('CN=Stranger');
  const strict = { server_tls_sslmode: 'verify-ca' };
  await expect((await pooler({ ...strict, server_tls_ca_file: certFile })).query('SELECT 1')).rejects.toThrow(
    'SSL error',
  );
  expect(await seen(await pooler({ ...strict, server_tls_ca_file: ca.certFile }))).toMatchObject({ ssl: true });
});

test('server_tls_cert_file: is shown to Postgres', async () => {
  const own = await ca.issue({ subject: 'CN=sidecar' });
  const files = { server_tls_cert_file: own.certFile, server_tls_key_file: own.keyFile };
  expect(await seen(await pooler(files))).toMatchObject({ client_dn: '/CN=sidecar' });
});

test('server_tls_key_file: must belong to the certificate, or pgsluice does not start', async () => {
  const [own, other] = [await ca.issue({ subject: 'CN=sidecar' }), await ca.issue({ subject: 'CN=other' })];
  const files = { server_tls_cert_file: own.certFile, server_tls_key_file: other.keyFile };
  await expect(pooler(files)).rejects.toThrow(/server_tls_key_file .*mismatch/i);
});

test('server_tls_protocols: is the versions that Postgres is offered', async () => {
  expect(await seen(await pooler({ server_tls_protocols: 'tlsv1.2' }))).toMatchObject({ version: 'TLSv1.2' });
  expect(await seen(await pooler({ server_tls_protocols: 'tlsv1.3' }))).toMatchObject({ version: 'TLSv1.3' });
});

test('server_tls_ciphers: is what Postgres may choose from, with TLS 1.2', async () => {
  const settings = { server_tls_protocols: 'tlsv1.2', server_tls_ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' };
  expect(await seen(await pooler(settings))).toMatchObject({ cipher: 'ECDHE-ECDSA-AES128-GCM-SHA256' });
});

test('server_tls13_ciphers: is what Postgres may choose from, with TLS 1.3', async () => {
  const settings = { server_tls13_ciphers: 'TLS_AES_128_GCM_SHA256' };
  expect(await seen(await pooler(settings))).toMatchObject({ cipher: 'TLS_AES_128_GCM_SHA256' });
});
