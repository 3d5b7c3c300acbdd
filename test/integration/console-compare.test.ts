// The console beside that of a real PgBouncer: the same columns, types, tags and texts for every SHOW and every command.
import { expect, onTestFinished, test } from 'vitest';
import { compareConsoles } from '../console/compare.ts';
import { findPgbouncer, startPgbouncer } from '../support/pgbouncer.ts';
import { startPooler } from '../support/pooler.ts';
import { queryOn, useDatabase } from '../support/postgres.ts';
import { skipBecause } from '../support/tools.ts';

const db = useDatabase();

/** Columns and texts are compared with this one; others have others. */
const VERSION = /^1\.26\./;

test('the console answers as that of PgBouncer does', async (context) => {
  const path = findPgbouncer() ?? skipBecause(context, 'pgbouncer: neither in PGBOUNCER= nor on PATH');
  const { user, password } = db.current;
  const [admin, stats] = [
    { user, password },
    { user: 'watcher', password: 'watcher' },
  ];
  const theirs = await startPgbouncer(
    path,
    db.current,
    { admin_users: user, stats_users: stats.user },
    { [stats.user]: stats.password },
  );
  onTestFinished(() => theirs.stop());
  const [{ version = '' } = {}] = await queryOn<{ version?: string }>(
    { ...theirs, database: 'pgbouncer' },
    'SHOW VERSION',
  );
  const release = version.replace('PgBouncer ', '');
  if (!VERSION.test(release)) skipBecause(context, `pgbouncer: 1.26 is compared with, not ${release}`);
  const ours = await startPooler(db.current, {
    admin_users: [user],
    stats_users: [stats.user],
    users: { [user]: { password }, [stats.user]: { password: stats.password } },
  });
  onTestFinished(() => ours.stop());
  await ours.query('SELECT 1');
  const { compared, differences } = await compareConsoles(ours, theirs, { admin, stats });
  expect(compared).toBeGreaterThan(100);
  expect(differences.filter(({ why }) => why === null)).toEqual([]);
});
