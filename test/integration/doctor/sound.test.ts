// `pgsluice doctor` where there is nothing to find, and where somebody may not look.
import { beforeAll, expect, test } from 'vitest';
import { usePrivatePostgres } from '../../support/postgres.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { examine, MACHINE, onPostgres, prepare } from './setting.ts';

const postgres = usePrivatePostgres();
beforeAll(async () => {
  await prepare(postgres.current);
  await onPostgres(postgres.current, 'GRANT SELECT ON pg_authid TO asker');
});

const sound = {
  settings: { auth_user: 'asker', query_timeout: '30s' },
  users: { asker: { password: 'asker' } },
  told: { replicas: 3, appPoolSize: 10, appInstances: 8 },
  machine: MACHINE,
};

test('on a sound set-up it finds nothing, and says what an ordinary role may not see', async () => {
  const { code, findings } = await examine(postgres.current, temporaryDirectory(), sound);
  // What an older version lacks is another test's.
  expect(findings.filter(({ rule }) => rule !== 'old-version')).toMatchObject([
    { severity: 'unchecked', fact: expect.stringMatching(/^Whether pg_hba\.conf has wrong lines: permission denied/) },
  ]);
  expect(code).toBe(0);
});

test('a user of whom there is only a SCRAM secret is not guessed about', async () => {
  const [{ rolpassword } = { rolpassword: '' }] = await secretOfWeb();
  const { code, findings } = await examine(postgres.current, temporaryDirectory(), {
    ...sound,
    database: { password: rolpassword },
  });
  const found = findings.filter(({ rule }) => rule === 'login');
  expect(found).toMatchObject([{ severity: 'unchecked', fact: expect.stringContaining('has a SCRAM secret') }]);
  expect(code).toBe(0);
});

test('for people it ends with a count, and no secret is in what it prints', async () => {
  const settings = { ...sound.settings, query_wait_timeout: 0 };
  const { code, out } = await examine(
    postgres.current,
    temporaryDirectory(),
    { ...sound, settings, database: { password: 'hunter2' } },
    false,
  );
  expect(out).toMatch(/^error: pool shop\/web \[login-refused\]\n {2}.*28P01\)\.\n {2}.*\n {2}change: databases: /);
  expect(out).toMatch(/pgsluice\.yaml: 1 error, 1 warning, \d things? could not be checked\n$/);
  expect(out).not.toContain('hunter2');
  expect(code).toBe(3);
});

test('a file that can not be used is told as check tells it, and nothing is connected to', async () => {
  const { code, out, err } = await examine(postgres.current, temporaryDirectory(), { settings: { nonsense: 1 } });
  expect({ code, out }).toEqual({ code: 1, out: '' });
  expect(err).toContain("unknown setting 'nonsense'");
});

async function secretOfWeb() {
  const { host, port, user, password } = postgres.current;
  const { queryOn } = await import('../../support/postgres.ts');
  const admin = { host, port, user, password, database: 'postgres' };
  return queryOn<{ rolpassword: string }>(admin, "SELECT rolpassword FROM pg_authid WHERE rolname = 'web'");
}
