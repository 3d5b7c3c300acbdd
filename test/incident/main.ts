// npm run incident [-- --scenario leak --targets a,b,c,d --seconds 24 --seed 1 --svg FILE --json FILE]: plays a scenario through PgBouncer
// (with defaults, and with time limits) and through pgsluice, with the same load and seed; prints a table, writes a picture.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { startEmbeddedPostgres } from '../../src/cli/demo/embedded-postgres.ts';
import { figures } from './figures.ts';
import { findLanes, LANE_KEYS, type LaneKey } from './lanes.ts';
import { play } from './play.ts';
import { SCENARIOS, scenario } from './scenarios.ts';
import { svg } from './svg.ts';
import { type Result, table } from './table.ts';

const { values } = parseArgs({
  options: {
    scenario: { type: 'string', default: 'leak' },
    targets: { type: 'string', default: 'a,b,c,d' },
    seconds: { type: 'string', default: '24' },
    seed: { type: 'string', default: '1' },
    'pool-size': { type: 'string', default: '20' },
    svg: { type: 'string' },
    json: { type: 'string' },
    /** Further settings of pgsluice, as JSON: for a comparison of settings. */
    settings: { type: 'string', default: '{}' },
  },
});

const chosen = scenario(values.scenario);
if (chosen === null) throw new Error(`--scenario is one of ${SCENARIOS.join(', ')}`);
const keys = values.targets.split(',').filter((key): key is LaneKey => LANE_KEYS.some((known) => known === key));
if (keys.length === 0) throw new Error(`--targets are some of ${LANE_KEYS.join(', ')}`);
const phases = { settle: 3_000, warm: 8_000, window: Number(values.seconds) * 1_000, after: 6_000 };
const options = { poolSize: Number(values['pool-size']), seed: Number(values.seed), phases };

const server = await startEmbeddedPostgres({ settings: { max_connections: '60' } });
const results: Result[] = [];
try {
  console.log(`${chosen.name}: ${chosen.title}; ${values.seconds} s, seed ${values.seed}`);
  for (const lane of findLanes(keys, { pgsluice: JSON.parse(values.settings) })) {
    console.log(`playing through ${lane.label} ...`);
    const played = await play(server, lane, chosen, options);
    results.push({ played, figures: figures(played) });
  }
} finally {
  await server.stop();
}
if (results.length > 0) console.log(`\n${table(results)}`);
if (values.svg !== undefined && results.length > 0) writeFileSync(values.svg, svg(results));
if (values.json !== undefined) {
  const kept = results.map(({ played, figures: all }) => ({
    lane: played.key,
    label: played.label,
    logins: played.logins,
    ...all,
  }));
  const { name } = chosen;
  writeFileSync(values.json, `${JSON.stringify({ scenario: name, ...options, results: kept }, null, 2)}\n`);
}
