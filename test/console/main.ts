// npm run console:compare: plays every SHOW and command on our console and on that of a real PgBouncer (PGBOUNCER= or PATH), and prints where
// columns, types, tags or texts differ. Ends with 1 when a difference is not meant.
import { startEmbeddedPostgres } from '../../src/cli/demo/embedded-postgres.ts';
import { startCommand } from '../support/command.ts';
import { findPgbouncer, startPgbouncer } from '../support/pgbouncer.ts';
import { compareConsoles } from './compare.ts';

const path = findPgbouncer();
if (path === null) {
  console.log('PgBouncer: neither in PGBOUNCER= nor on PATH, so there is nothing to compare with');
  process.exit(0);
}
const server = await startEmbeddedPostgres();
const { host, port, user, password } = server;
const postgres = { host, port, user, password, database: 'postgres' };
const admin = { user, password };
const stats = { user: 'watcher', password: 'watcher' };
const ours = await startCommand(postgres, {
  admin_users: [user],
  stats_users: [stats.user],
  users: { [user]: { password }, [stats.user]: { password: stats.password } },
});
const theirs = await startPgbouncer(
  path,
  postgres,
  { admin_users: user, stats_users: stats.user },
  { [stats.user]: stats.password },
);
try {
  const { compared, differences } = await compareConsoles(ours, theirs, { admin, stats });
  for (const { command, ours, theirs, why } of differences) {
    console.log(`${JSON.stringify(command)} ${why === null ? 'DIFFERS' : `differs, because ${why}`}`);
    console.log(`  PgBouncer  ${theirs}\n  pgsluice   ${ours}`);
  }
  const wrong = differences.filter(({ why }) => why === null);
  console.log(
    `${compared} commands compared: ${wrong.length} differ, ${differences.length - wrong.length} are meant to`,
  );
  if (wrong.length > 0) process.exitCode = 1;
} finally {
  await Promise.all([ours.stop(), theirs.stop()]);
  await server.stop();
}
