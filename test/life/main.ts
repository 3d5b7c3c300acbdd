// npm run restarts -- --restarts 100 --tps 500: restarts with drain under load, each process beside the next and one after the other.
import { parseArgs } from 'node:util';
import { startEmbeddedPostgres } from '../../src/cli/demo/embedded-postgres.ts';
import { queryOn } from '../support/postgres.ts';
import { runRestarts } from './restarts.ts';
import { isClean, refusedConnects, type Tally } from './tally.ts';

const { values } = parseArgs({
  options: {
    restarts: { type: 'string', default: '100' },
    tps: { type: 'string', default: '500' },
    clients: { type: 'string', default: '50' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    /** overlap, gap, or both. */
    how: { type: 'string', default: 'both' },
    unix: { type: 'boolean', default: false },
  },
});

function figures(tally: Tally): string {
  const { restarts, seconds, committed, connects, turnedAway, slowestEndMs, cut, untold, lost, ghosts } = tally;
  return [
    `${restarts} restarts in ${Math.round(seconds)} s, ${committed.size} acknowledged (${Math.round(committed.size / seconds)}/s)`,
    `${connects} connects, ${refusedConnects(tally)} refused ${JSON.stringify(tally.refusedConnects)}`,
    `${turnedAway} statements turned away at the boundary; slowest end ${slowestEndMs} ms`,
    `cut ${cut.length}, closed without a word ${untold.length}, lost ${lost.length}, ghosts ${ghosts.length}`,
  ].join('\n  ');
}

const server = await startEmbeddedPostgres({ settings: { max_connections: '100', synchronous_commit: 'on' } });
try {
  const { host, port, user, password } = server;
  await queryOn({ host, port, user, password, database: 'postgres' }, 'CREATE DATABASE restarts');
  const postgres = { host, port, user, password, database: 'restarts' };
  for (const overlap of [true, false]) {
    if (values.how === (overlap ? 'gap' : 'overlap')) continue;
    console.log(`${overlap ? 'each beside the next (so_reuseport)' : 'one after the other'}, seed ${values.seed}`);
    const tally = await runRestarts({
      postgres,
      restarts: Number(values.restarts),
      tps: Number(values.tps),
      clients: Number(values.clients),
      seed: Number(values.seed),
      overlap,
      unix: values.unix,
      onProgress: ({ restarts, cut, untold }) => {
        if (restarts % 10 === 0) console.log(`  after ${restarts}: cut ${cut.length}, without a word ${untold.length}`);
      },
    });
    console.log(`  ${figures(tally)}`);
    for (const list of [tally.cut, tally.untold, tally.lost, tally.ghosts, tally.complaints])
      for (const line of list.slice(0, 20)) console.log(`  ! ${line}`);
    if (!isClean(tally) || (overlap && refusedConnects(tally) > 0)) process.exitCode = 1;
  }
} finally {
  await server.stop();
}
