// npm run calm [-- --seconds 60 --seed 1 --cold]: honest clients that hold servers for long; no leak may be cried. --cold: others wait from the start.
import { parseArgs } from 'node:util';
import { startEmbeddedPostgres } from '../../src/cli/demo/embedded-postgres.ts';
import { runCalm } from './calm-run.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    cold: { type: 'boolean', default: false },
    /** Further settings of pgsluice, as JSON. */
    settings: { type: 'string', default: '{}' },
  },
});

const server = await startEmbeddedPostgres({ settings: { max_connections: '60' } });
try {
  const { host, port, user, password } = server;
  const { alarms, rows, hasShow, errors, turns, short, waited } = await runCalm(
    { host, port, user, password, database: 'postgres' },
    {
      milliseconds: Number(values.seconds) * 1_000,
      seed: Number(values.seed),
      settleMs: values.cold ? 0 : 10_000,
      settings: JSON.parse(values.settings),
    },
  );
  for (const [name, count] of Object.entries(turns)) console.log(`${name}: ${count} turns`);
  console.log(`short statements: ${short}, of which ${waited} waited for a server`);
  for (const line of [...alarms, ...errors]) console.log(line);
  const shown = hasShow ? `${rows} rows of SHOW LEAKS` : 'no SHOW LEAKS here';
  console.log(`${alarms.length} alarms in the log, ${shown}, ${errors.length} errors`);
  process.exitCode = alarms.length + rows + errors.length === 0 && waited > 0 ? 0 : 1;
} finally {
  await server.stop();
}
