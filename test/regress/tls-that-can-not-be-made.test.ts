// A reload that asks for encryption with files that can't be used: nobody is spoken to in the clear who has to be encrypted.
import { expect, test } from 'vitest';
import { fakeFor, poolerFor, targetOf } from '../integration/settings/for-settings.ts';
import { waitUntil } from '../support/wait-until.ts';

const NOWHERE = '/nowhere/at-all.pem';

test("towards Postgres: no server is opened in the clear, not even when the clients' side fails first", async () => {
  const server = await fakeFor();
  const pooler = await poolerFor(targetOf(server), { server_tls_sslmode: 'disable' });
  expect(await pooler.query('SELECT 1')).toHaveLength(1);
  const strict = { server_tls_sslmode: 'verify-full', server_tls_ca_file: NOWHERE };
  const ours = { client_tls_sslmode: 'allow', client_tls_cert_file: NOWHERE, client_tls_key_file: NOWHERE };
  pooler.reload({ ...strict, ...ours });
  const logins = server.connections.filter(({ startup }) => startup !== null).length;
  await expect(pooler.query('SELECT 1')).rejects.toThrow('what server_tls_ names can not be used');
  expect(server.connections.filter(({ startup }) => startup !== null)).toHaveLength(logins);
  // The files are looked at again, which is no mistake of ours when they are still not there.
  await waitUntil(() => pooler.log.filter(({ msg }) => msg.includes('can not be used')).length >= 2, {
    timeoutMs: 8_000,
  });
  expect(pooler.log.filter(({ level }) => level === 'fatal')).toEqual([]);
});

test('towards clients: they are told N, and SSL required, instead of a yes that is none', async () => {
  const pooler = await poolerFor(targetOf(await fakeFor()), {});
  pooler.reload({ client_tls_sslmode: 'require', client_tls_cert_file: NOWHERE, client_tls_key_file: NOWHERE });
  await expect(pooler.query('SELECT 1')).rejects.toThrow('SSL required');
  const { host, port, user, database } = pooler;
  const { default: pg } = await import('pg');
  const client = new pg.Client({ host, port, user, database, ssl: { rejectUnauthorized: false } });
  await expect(client.connect()).rejects.toThrow('does not support SSL');
});
