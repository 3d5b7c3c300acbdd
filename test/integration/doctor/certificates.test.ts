// `pgsluice doctor` and the certificates on both sides.
import { beforeAll, expect, test } from 'vitest';
import { Authority, encryptPostgres } from '../../support/certificates.ts';
import { usePrivatePostgres } from '../../support/postgres.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { examine, prepare } from './setting.ts';

const postgres = usePrivatePostgres();
let authority: Authority;
beforeAll(async () => {
  authority = await Authority.make();
  await prepare(postgres.current);
});

async function diagnose(settings: Record<string, unknown>) {
  const { code, findings } = await examine(postgres.current, temporaryDirectory(), { settings });
  return { code, found: findings.filter(({ severity }) => severity !== 'unchecked') };
}

test('an encrypted Postgres whose certificate fits and lasts is sound', async () => {
  await encryptPostgres(postgres.current, await authority.issue({ subject: 'CN=db', names: ['127.0.0.1'] }));
  const { found } = await diagnose({ server_tls_sslmode: 'verify-full', server_tls_ca_file: authority.certFile });
  // The certificates of the tests last for 20 days.
  expect(found).toMatchObject([
    {
      rule: 'certificate-expiry',
      severity: 'warning',
      fact: expect.stringMatching(/CN=db expires on .*, in (19|20) days/),
    },
  ]);
});

test('a certificate for another name is an error with verify-full, and none with verify-ca', async () => {
  await encryptPostgres(postgres.current, await authority.issue({ subject: 'CN=other', names: ['db.example'] }));
  const strict = await diagnose({ server_tls_sslmode: 'verify-full', server_tls_ca_file: authority.certFile });
  expect(strict).toMatchObject({
    code: 3,
    found: [
      { rule: 'certificate-name', severity: 'error', fact: expect.stringContaining('is not for 127.0.0.1') },
      { rule: 'certificate-expiry' },
    ],
  });
  const lax = await diagnose({ server_tls_sslmode: 'verify-ca', server_tls_ca_file: authority.certFile });
  expect(lax.found.map(({ rule }) => rule)).toEqual(['certificate-expiry']);
});

test('a certificate that another authority has signed is an error with verify-ca', async () => {
  await encryptPostgres(postgres.current, await authority.issue({ subject: 'CN=db', names: ['127.0.0.1'] }));
  const stranger = await Authority.make('CN=Stranger');
  const { code, found } = await diagnose({ server_tls_sslmode: 'verify-ca', server_tls_ca_file: stranger.certFile });
  expect(found).toMatchObject([{ rule: 'certificate-not-trusted', severity: 'error' }]);
  expect(code).toBe(3);
});

test('an expired certificate of Postgres is a warning where nobody verifies it, and our own is an error', async () => {
  const expired = await authority.issue({ subject: 'CN=old', names: ['127.0.0.1'], isExpired: true });
  await encryptPostgres(postgres.current, expired);
  const { found } = await diagnose({
    server_tls_sslmode: 'require',
    client_tls_sslmode: 'allow',
    client_tls_cert_file: expired.certFile,
    client_tls_key_file: expired.keyFile,
  });
  expect(found).toMatchObject([
    {
      rule: 'certificate-expiry',
      severity: 'error',
      about: 'client_tls_cert_file',
      fact: expect.stringContaining('has expired on'),
    },
    { rule: 'certificate-expiry', severity: 'warning' },
  ]);
});
