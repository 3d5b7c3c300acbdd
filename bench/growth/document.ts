// The points as lines for the terminal, and as docs/growth.md.
import { BUSY, type Look, type Point } from './point.ts';

const ms = (value: number) => value.toFixed(value < 0.1 ? 3 : value < 1 ? 2 : 1);
const megabytes = (bytes: number) => (bytes / 2 ** 20).toFixed(0);
const looked = ({ ms: took, cpuMs, blockMs }: Look) => `${ms(took)} / ${ms(cpuMs)} / ${ms(blockMs)}`;

export function printed(point: Point): string {
  const { idleClients, pools, rate, cpuUs, delayP99Ms } = point;
  const { tickMs, tickP95Ms, longestTickMs, scrape, showPools, showClients } = point;
  return [
    `${idleClients} idle clients, ${pools} pools: ${rate.toFixed(0)}/s, ${cpuUs.toFixed(1)} us each, delay p99 ${ms(delayP99Ms)} ms`,
    `tick ${ms(tickMs)} ms, p95 ${ms(tickP95Ms)}, longest ${ms(longestTickMs)}; memory ${megabytes(point.memory)} MB; took / CPU / longest turn, ms:`,
    `/metrics ${looked(scrape)} (${(scrape.bytes / 1024).toFixed(0)} kB), SHOW POOLS ${looked(showPools)}, SHOW CLIENTS ${looked(showClients)}`,
  ].join('\n  ');
}

function row(point: Point): string {
  const cells = [
    point.idleClients.toLocaleString('en'),
    point.pools.toLocaleString('en'),
    point.rate.toFixed(0),
    point.cpuUs.toFixed(1),
    ms(point.delayP99Ms),
    [point.tickMs, point.tickP95Ms, point.longestTickMs].map(ms).join(' / '),
    ...[point.scrape, point.showPools, point.showClients].map(looked),
    megabytes(point.memory),
  ];
  return `| ${cells.join(' | ')} |`;
}

function table(points: readonly Point[]): string {
  return [
    '| idle clients | pools | transactions/s | CPU, us | delay p99, ms | tick, ms | /metrics, ms | SHOW POOLS, ms | SHOW CLIENTS, ms | memory, MB |',
    '| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...points.map(row),
  ].join('\n');
}

export function document(
  facts: string,
  { clients, pools, both }: Readonly<Record<'clients' | 'pools' | 'both', readonly Point[]>>,
): string {
  const [few, many] = [clients[0], clients.at(-1)];
  const each =
    few === undefined || many === undefined || few === many
      ? ''
      : ` An idle client costs ${((many.memory - few.memory) / (many.idleClients - few.idleClients) / 1024).toFixed(1)} kB.`;
  return `# How cost grows

<!-- Written by \`npm run bench:growth -- --write\`. -->

${BUSY} clients ask \`SELECT 1\` as fast as they are answered, all others are idle. Pools are names of databases behind which there is one and the same; all pools
together have at most 100 servers. ${facts}.

CPU is that of the event loop's thread for a transaction. A tick is one round of the timer, ten times a second: its processor time: median / p95 / longest.
Memory is that of the process behind a run of the collector. What somebody asks for: until the answer was there / processor time / the longest that everybody else waited for it.

## Clients, in one pool

![What grows with idle clients](growth-clients.svg)

${table(clients)}
${each === '' ? '' : `\n${each.trim()}\n`}
## Pools, with 1,000 idle clients

![What grows with pools](growth-pools.svg)

${table([...pools, ...both])}
`;
}
