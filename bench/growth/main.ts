// npm run bench:growth [-- --write --quick --only REGEX]: what grows with clients and with pools, and how. --write: docs/growth.md and its
// pictures. --quick: fewer points, for a look. Raise `ulimit -n` to 20000 first. Judges nothing.
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { startEmbeddedPostgres } from '../../src/cli/demo/embedded-postgres.ts';
import { openFileLimit } from '../../src/net/file-limit.ts';
import { document, printed } from './document.ts';
import { plotOfClients, plotOfPools } from './plot.ts';
import type { Point } from './point.ts';
import { Remote } from './remote.ts';
import type { Staged } from './stage.ts';

const { values } = parseArgs({
  options: {
    write: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
  },
});
const LENGTH = { busySeconds: 6, quietSeconds: 4, looks: 9 };
const QUICK = { busySeconds: 2, quietSeconds: 2, looks: 3 };
/** Each line of points: how many idle clients over how many pools. A stage is kept for as long as clients only become more. */
const LINES = {
  clients: [10, 100, 1_000, 5_000, 10_000].map((clients) => ({ clients, pools: 1 })),
  pools: [1, 10, 100, 1_000].map((pools) => ({ clients: 1_000, pools })),
  both: [{ clients: 10_000, pools: 1_000 }],
} as const;
type Line = keyof typeof LINES;
const isMeant = new RegExp(values.only);

const files = openFileLimit() ?? 0;
if (files < 11_000) {
  console.error(`${files} open files are too few for 10,000 clients: ulimit -n 20000`);
  process.exit(1);
}
const server = await startEmbeddedPostgres({ settings: { max_connections: '200', shared_buffers: '64MB' } });
const { host, port, user, password } = server;
const postgres = { host, port, user, password, database: 'postgres' };

async function measure(line: Line): Promise<Point[]> {
  const points: Point[] = [];
  let stage: Remote<Staged> | null = null;
  let staged = 0;
  for (const { clients, pools } of LINES[line]) {
    if (values.quick && clients > 1_000 && line === 'clients') continue;
    if (stage === null || pools !== staged) {
      await stage?.stop();
      stage = new Remote('stage.ts', { postgres, pools });
      staged = pools;
    }
    const point = await stage.tell('measure', { idleClients: clients, length: values.quick ? QUICK : LENGTH });
    points.push(point);
    console.log(printed(point));
  }
  await stage?.stop();
  return points;
}

const begun = performance.now();
try {
  const lines: Record<Line, Point[]> = { clients: [], pools: [], both: [] };
  for (const line of Object.keys(LINES) as Line[]) if (isMeant.test(line)) lines[line] = await measure(line);
  console.log(`${((performance.now() - begun) / 1_000).toFixed(0)} s`);
  if (values.write) {
    const docs = new URL('../../docs/', import.meta.url);
    const facts = `${cpus().length} cores (${cpus()[0]?.model}), Node ${process.version}; Postgres, clients and pooler share them`;
    writeFileSync(new URL('growth.md', docs), document(facts, lines));
    writeFileSync(new URL('growth-clients.svg', docs), plotOfClients(lines.clients));
    writeFileSync(new URL('growth-pools.svg', docs), plotOfPools(lines.pools));
  }
} finally {
  await server.stop();
}
