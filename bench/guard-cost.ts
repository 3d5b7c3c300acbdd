// node bench/guard-cost.ts [--a guard=on] [--b guard=off] [--pairs 15] [--seconds 4] [--script both]: what a setting costs: user CPU of pgsluice
// per transaction of pgbench, a against b in alternating pairs, as a ratio with its 95 % interval. Each pair has processes of
// its own: one process may be some percent slower than another one like it for all its life. --toggle: one process for both of a
// pair, reloaded between its turns, which takes that difference away. --a-tree DIR, --b-tree DIR: another checkout, for what a
// change costs.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { startEmbeddedPostgres } from '../src/cli/demo/embedded-postgres.ts';
import { type RunningCommand, startCommand, type Target } from '../test/support/command.ts';
import { findTool } from '../test/support/tools.ts';
import { type Interval, meanInterval } from './interval.ts';

const { values } = parseArgs({
  options: {
    a: { type: 'string', default: 'guard=on' },
    b: { type: 'string', default: 'guard=off' },
    'a-tree': { type: 'string', default: '.' },
    'b-tree': { type: 'string', default: '.' },
    toggle: { type: 'boolean', default: false },
    pairs: { type: 'string', default: '15' },
    seconds: { type: 'string', default: '4' },
    /** How often each of a pair is measured, in turns. */
    turns: { type: 'string', default: '2' },
    clients: { type: 'string', default: '16' },
    'pool-size': { type: 'string', default: '20' },
    mode: { type: 'string', default: 'extended' },
    /** tpcb, select or both. */
    script: { type: 'string', default: 'both' },
  },
});

const pgbench = findTool('pgbench');
if (pgbench === null) {
  console.error('pgbench: not found on PATH');
  process.exit(1);
}

/** Clock ticks of /proc are hundredths of a second on every Linux that Node runs on. */
const TICKS = 100;

/** `name=value,name=value` as settings; numbers and words alike are what YAML would make of them. */
function settingsOf(text: string): Record<string, string | number> {
  const pairs = text.split(',').filter((pair) => pair !== '');
  return Object.fromEntries(
    pairs.map((pair) => {
      const [name = '', value = ''] = pair.split('=');
      return [name, /^\d+$/.test(value) ? Number(value) : value];
    }),
  );
}

/** Seconds of user and system time of all its threads. */
function cpu(pid: number): { user: number; system: number } {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name in parentheses may have spaces; behind it the fields are plain.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { user: Number(fields[11]) / TICKS, system: Number(fields[12]) / TICKS };
}

async function bench(target: Target, flags: readonly string[]): Promise<number> {
  const { host, port, user, password, database } = target;
  const where = ['-h', host, '-p', String(port), '-U', user, database];
  const { stdout } = await promisify(execFile)(pgbench!, [...flags, ...where], {
    env: { ...process.env, PGPASSWORD: password },
  });
  return Number(/actually processed: (\d+)/.exec(stdout)?.[1] ?? 0);
}

interface Cost {
  readonly transactions: number;
  /** Microseconds a transaction. */
  readonly user: number;
  readonly system: number;
}

async function measure(pooler: RunningCommand, script: readonly string[], seconds: string): Promise<Cost> {
  const pid = pooler.child.pid!;
  const before = cpu(pid);
  const flags = ['-n', '-c', values.clients, '-T', seconds, '-M', values.mode, ...script];
  const transactions = await bench(pooler, flags);
  const after = cpu(pid);
  const each = 1e6 / transactions;
  return { transactions, user: (after.user - before.user) * each, system: (after.system - before.system) * each };
}

const median = (numbers: readonly number[]) => numbers.toSorted((x, y) => x - y)[Math.floor(numbers.length / 2)] ?? 0;

function asPercent({ mean, low, high }: Interval): string {
  const percent = (log: number) => `${((Math.exp(log) - 1) * 100).toFixed(2)} %`;
  return `${percent(mean)} (95 %: ${percent(low)} to ${percent(high)})`;
}

const scripts = [
  ['tpcb', []],
  ['select', ['-S']],
] as const;

const server = await startEmbeddedPostgres({ settings: { max_connections: '100', shared_buffers: '128MB' } });
const { host, port, user, password } = server;
const postgres = { host, port, user, password, database: 'postgres' };
const common = { default_pool_size: Number(values['pool-size']) };
const start = (settings: string, tree: string) =>
  startCommand(postgres, { ...common, ...settingsOf(settings) }, null, join(resolve(tree), 'src/cli/pgsluice.ts'));

/** What each has cost over its turns. */
async function measurePair(flags: readonly string[], isSwapped: boolean): Promise<[Cost, Cost]> {
  const a = await start(values.a, values['a-tree']);
  const b = values.toggle ? a : await start(values.b, values['b-tree']);
  const settings = [values.a, values.b].map((text) => ({ ...common, ...settingsOf(text) }));
  const turnTo = async (i: 0 | 1) => {
    if (values.toggle) await a.reload(settings[i]!);
    return i === 0 ? a : b;
  };
  try {
    // Warm: the code is compiled, the pools are full.
    for (const i of [0, 1] as const) await measure(await turnTo(i), flags, values.seconds);
    const costs: [Cost[], Cost[]] = [[], []];
    for (let turn = 0; turn < Number(values.turns); turn += 1) {
      // Who goes first alternates, so that a machine that slows down favours nobody.
      const order = (turn % 2 === 1) === isSwapped ? ([0, 1] as const) : ([1, 0] as const);
      for (const i of order) costs[i].push(await measure(await turnTo(i), flags, values.seconds));
    }
    return [sum(costs[0]), sum(costs[1])];
  } finally {
    await a.stop();
    if (b !== a) await b.stop();
  }
}

function sum(costs: readonly Cost[]): Cost {
  const transactions = costs.reduce((total, cost) => total + cost.transactions, 0);
  const each = (key: 'user' | 'system') =>
    costs.reduce((total, cost) => total + cost[key] * cost.transactions, 0) / transactions;
  return { transactions, user: each('user'), system: each('system') };
}

try {
  await bench(postgres, ['-i', '-q', '-s', '10']);
  for (const [name, flags] of scripts) {
    if (values.script !== 'both' && values.script !== name) continue;
    const costs: [Cost, Cost][] = [];
    for (let pair = 0; pair < Number(values.pairs); pair += 1) costs.push(await measurePair(flags, pair % 2 === 1));
    const logs = (key: 'user' | 'system' | 'transactions') => costs.map(([x, y]) => Math.log(x[key] / y[key]));
    const turns = `${values.turns} x ${values.seconds} s each`;
    console.log(`${name}, ${values.mode}, ${costs.length} pairs, ${turns}: ${values.a} against ${values.b}`);
    for (const [i, which] of [values.a, values.b].entries()) {
      const of = (key: 'user' | 'system' | 'transactions') => median(costs.map((pair) => pair[i]![key]));
      const rate = (of('transactions') / Number(values.seconds) / Number(values.turns)).toFixed(0);
      console.log(
        `  ${which}: ${of('user').toFixed(1)} us user, ${of('system').toFixed(1)} us system, ${rate} tps (medians)`,
      );
    }
    console.log(`  user CPU a transaction: ${asPercent(meanInterval(logs('user')))}`);
    console.log(`  system CPU a transaction: ${asPercent(meanInterval(logs('system')))}`);
    console.log(`  transactions a second: ${asPercent(meanInterval(logs('transactions')))}`);
  }
} finally {
  await server.stop();
}
