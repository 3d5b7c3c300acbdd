// auth_hba_file and auth_ident_file: who comes in by them, with PostgreSQL's words for who does not.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Authority, type Certificate } from '../../support/certificates.ts';
import { queryOn, useDatabase } from '../../support/postgres.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { errorOf, poolerFor } from './for-settings.ts';

const database = useDatabase();
const directory = mkdtempSync(join(tmpdir(), 'pgsluice-hba-'));
const hbaFile = join(directory, 'hba.conf');
const identFile = join(directory, 'ident.conf');
let ca: Authority;
let door: Certificate;

beforeAll(async () => {
  ca = await Authority.make();
  door = await ca.issue({ subject: 'CN=door', names: ['127.0.0.1'] });
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function poolerWith(hba: string, settings: Record<string, unknown> = {}) {
  writeFileSync(hbaFile, hba);
  return poolerFor(database.current, {
    auth_type: 'hba',
    auth_hba_file: hbaFile,
    client_tls_sslmode: 'allow',
    client_tls_cert_file: door.certFile,
    client_tls_key_file: door.keyFile,
    client_tls_ca_file: ca.certFile,
    ...settings,
  });
}

test('auth_hba_file: the first line that matches says how, and who matches none is told so in PostgreSQL words', async () => {
  const { user, database: name } = database.current;
  const pooler = await poolerWith(
    `hostssl all ${user} 127.0.0.1/32 scram-sha-256\nhost ${name} ${user} 10.0.0.0/8 trust\n`,
  );
  expect(await errorOf(pooler.query('SELECT 1'))).toMatchObject({
    code: '28000',
    message: `no pg_hba.conf entry for host "127.0.0.1", user "${user}", database "${name}", no encryption`,
  });
  const encrypted = { ...pooler.config, ssl: { ca: ca.cert } };
  expect(await queryOn(encrypted, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  expect(await errorOf(queryOn({ ...encrypted, password: 'wrong' }, 'SELECT 1'))).toMatchObject({ code: '28P01' });
});

test('auth_hba_file: reject, trust, md5 and password are what they are in PostgreSQL', async () => {
  const { user, database: name } = database.current;
  const pooler = await poolerWith(`host all ${user} all reject\n`);
  expect(await errorOf(pooler.query('SELECT 1'))).toMatchObject({
    code: '28000',
    message: `pg_hba.conf rejects connection for host "127.0.0.1", user "${user}", database "${name}", no encryption`,
  });
  for (const [method, wrong] of [
    ['trust', 'in'],
    ['md5', '28P01'],
    ['password', '28P01'],
  ]) {
    writeFileSync(hbaFile, `host all all all ${method}\n`);
    expect(pooler.app.control.reload().ok).toBe(true);
    expect(await pooler.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    const said = await queryOn({ ...pooler.config, password: 'wrong' }, 'SELECT 1').catch((error) => error.code);
    expect(Array.isArray(said) ? 'in' : said).toBe(wrong);
  }
});

test('auth_hba_file: trust still wants a user that is known', async () => {
  const pooler = await poolerWith('host all all all trust\n');
  expect(await errorOf(queryOn({ ...pooler.config, user: 'nobody_knows' }, 'SELECT 1'))).toMatchObject({
    code: '28P01',
  });
});

test('auth_hba_file: one with a mistake is refused as a whole, each line named, and what was in force stays', async () => {
  const pooler = await poolerWith('host all all all scram-sha-256\n');
  writeFileSync(hbaFile, 'host all all all trust\nhost all all all peer\nhost all\n');
  const result = pooler.app.control.reload();
  expect(result.ok).toBe(false);
  const lines = result.ok ? [] : result.problems.map(({ file, line }) => `${file === hbaFile} ${line}`);
  expect(lines).toEqual(['true 2', 'true 3']);
  expect(await errorOf(queryOn({ ...pooler.config, password: 'wrong' }, 'SELECT 1'))).toMatchObject({ code: '28P01' });
  await expect(poolerWith('nonsense\n')).rejects.toThrow(/auth_hba_file: invalid connection type/);
});

test('auth_ident_file: which certificate may be whom', async () => {
  const { user } = database.current;
  writeFileSync(identFile, `people /^(.*)@example$ \\1\npeople "Ann Smith" ${user}\n`);
  const pooler = await poolerWith('hostssl all all all cert map=people\n', { auth_ident_file: identFile });
  const login = async (subject: string) => {
    const { cert, key } = await ca.issue({ subject });
    return queryOn({ ...pooler.config, ssl: { ca: ca.cert, cert, key } }, 'SELECT 1 AS one').catch((error) => error);
  };
  expect(await login(`CN=${user}@example`)).toEqual([{ one: 1 }]);
  expect(await login('CN=Ann Smith')).toEqual([{ one: 1 }]);
  expect(await login(`CN=${user}`)).toMatchObject({
    code: '28000',
    message: `certificate authentication failed for user "${user}"`,
  });
  const told = await waitUntil(() => pooler.log.find(({ detail }) => String(detail).includes('is that of')));
  expect(told.detail).toBe(`the certificate is that of "CN=${user}"`);
});

describe('a line that wants a certificate', () => {
  test('wants it besides the password with clientcert=verify-ca, and the name of the user with verify-full', async () => {
    const { user } = database.current;
    const mine = await ca.issue({ subject: `CN=${user}` });
    const other = await ca.issue({ subject: 'CN=somebody' });
    const stranger = await (await Authority.make('CN=Stranger')).issue({ subject: `CN=${user}` });
    for (const [option, outcomes] of [
      ['verify-ca', ['in', 'in', '28000', '28000']],
      ['verify-full', ['in', '28000', '28000', '28000']],
    ] as const) {
      const pooler = await poolerWith(`hostssl all all all scram-sha-256 clientcert=${option}\n`);
      const login = (own: Certificate | null, password = database.current.password) => {
        const ssl = { ca: ca.cert, ...(own !== null && { cert: own.cert, key: own.key }) };
        return queryOn({ ...pooler.config, password, ssl }, 'SELECT 1').then(
          () => 'in',
          (error) => error.code,
        );
      };
      expect([await login(mine), await login(other), await login(stranger), await login(null)]).toEqual(outcomes);
      expect(await login(mine, 'wrong')).toBe('28P01');
    }
  });
});

test('auth_type: cert lets in who has the certificate of the user, and nobody else', async () => {
  const { user } = database.current;
  const pooler = await poolerWith('', { auth_type: 'cert', auth_hba_file: '' });
  const { cert, key } = await ca.issue({ subject: `CN=${user}` });
  const ssl = { ca: ca.cert, cert, key };
  expect(await queryOn({ ...pooler.config, ssl, password: 'none' }, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  const other = await ca.issue({ subject: 'CN=somebody' });
  const wrong = { ca: ca.cert, cert: other.cert, key: other.key };
  expect(await errorOf(queryOn({ ...pooler.config, ssl: wrong }, 'SELECT 1'))).toMatchObject({ code: '28000' });
  expect(await errorOf(pooler.query('SELECT 1'))).toMatchObject({
    message: 'connection requires a valid client certificate',
  });
});
