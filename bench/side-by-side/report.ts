// Medians and ratios of what was measured, as lines for the terminal and as docs/benchmarks.md.
import type { Name } from './contenders.ts';
import type { IdleMemory } from './idle.ts';
import type { Outcome, Workload } from './workloads.ts';

export interface Measured extends Outcome {
  /** Units a second. */
  readonly rate: number;
  /** Microseconds of the processor a unit; null: there is no pooler. */
  readonly user: number | null;
  readonly system: number | null;
}

interface Figures {
  readonly name: Name;
  readonly rate: number;
  readonly user: number | null;
  readonly system: number | null;
  readonly p50: number | null;
  readonly p99: number | null;
  /** To PgBouncer in the same round, or to two of them where two were measured: median, lowest, highest; null: it was not there. */
  readonly ofRate: Ratio | null;
  readonly ofCpu: Ratio | null;
  readonly ofP99: Ratio | null;
}

interface Ratio {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

export interface Line {
  readonly workload: string;
  readonly unit: Workload['unit'];
  /** Whom ratios are to. */
  readonly base: Name;
  readonly figures: readonly Figures[];
}

export const median = (numbers: readonly number[]) => {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};
const medianOf = (runs: readonly Measured[], of: (one: Measured) => number | null) => {
  const numbers = runs.map(of).filter((one) => one !== null);
  return numbers.length === 0 ? null : median(numbers);
};

function ratio(runs: readonly Measured[], base: readonly Measured[] | undefined, of: (one: Measured) => number | null) {
  if (base === undefined) return null;
  const ratios = runs.flatMap((run, i) => {
    const [a, b] = [of(run), base[i] === undefined ? null : of(base[i])];
    return a === null || b === null || b === 0 ? [] : [a / b];
  });
  if (ratios.length === 0) return null;
  return { median: median(ratios), low: Math.min(...ratios), high: Math.max(...ratios) };
}

const cpu = ({ user, system }: Measured) => (user === null || system === null ? null : user + system);

export function lineOf({ name, unit }: Workload, results: ReadonlyMap<Name, readonly Measured[]>): Line {
  const baseName: Name = results.has('PgBouncer x2') ? 'PgBouncer x2' : 'PgBouncer';
  const base = results.get(baseName);
  const figures = [...results].map(([who, runs]) => ({
    name: who,
    rate: medianOf(runs, ({ rate }) => rate)!,
    user: medianOf(runs, ({ user }) => user),
    system: medianOf(runs, ({ system }) => system),
    p50: medianOf(runs, ({ latency }) => latency?.p50 ?? null),
    p99: medianOf(runs, ({ latency }) => latency?.p99 ?? null),
    ofRate: ratio(runs, base, ({ rate }) => rate),
    ofCpu: ratio(runs, base, cpu),
    ofP99: ratio(runs, base, ({ latency }) => latency?.p99 ?? null),
  }));
  return { workload: name, unit, base: baseName, figures };
}

const number = (value: number | null, digits: number) => (value === null ? '' : value.toFixed(digits));
const spread = (value: Ratio | null) =>
  value === null ? '' : `${value.median.toFixed(2)} (${value.low.toFixed(2)} to ${value.high.toFixed(2)})`;

export function printed({ workload, unit, base, figures }: Line): string {
  const lines = figures.map((one) => {
    const latency = one.p99 === null ? '' : `, p50 ${number(one.p50, 2)} p99 ${number(one.p99, 2)} ms`;
    const used = one.user === null ? '' : `, ${number(one.user, 1)} + ${number(one.system, 1)} us`;
    const ratios =
      one.name === base || one.ofRate === null
        ? ''
        : `; to ${base}: ${spread(one.ofRate)}${one.ofCpu === null ? '' : `, CPU ${spread(one.ofCpu)}`}${one.ofP99 === null ? '' : `, p99 ${spread(one.ofP99)}`}`;
    return `  ${one.name.padEnd(12)} ${number(one.rate, 0)} ${unit}/s${used}${latency}${ratios}`;
  });
  return [workload, ...lines].join('\n');
}

export function document(facts: readonly string[], lines: readonly Line[], memory: readonly IdleMemory[]): string {
  const rows = lines.flatMap(({ workload, unit, base, figures }) =>
    figures.map((one, i) => {
      const cells = [
        i === 0 ? `${workload} (${unit}/s)` : '',
        one.name,
        number(one.rate, 0),
        spread(one.name === base ? null : one.ofRate),
        one.user === null ? '' : `${number(one.user, 1)} + ${number(one.system, 1)}`,
        spread(one.name === base ? null : one.ofCpu),
        one.p99 === null ? '' : `${number(one.p50, 2)} / ${number(one.p99, 2)}`,
      ];
      return `| ${cells.join(' | ')} |`;
    }),
  );
  const idle = memory.map(({ name, clients, bytes }) => `| ${name} | ${clients} | ${(bytes / 1024).toFixed(1)} |`);
  return `# Benchmarks

<!-- Written by \`npm run bench -- --write\`. -->

Medians; in parentheses the lowest and the highest ratio to PgBouncer in the same round. CPU: microseconds of user and system time of the pooler for each
unit of work. A pool of 20 servers. x2: two processes that serve, together with a pool of 20; ratios are to two of PgBouncer there. pgsluice runs with everything on: sessions, guard, metrics.

${facts.map((fact) => `- ${fact}`).join('\n')}

| workload | who | rate | to PgBouncer | CPU, us | to PgBouncer | p50 / p99, ms |
| --- | --- | ---: | --- | --- | --- | --- |
${rows.join('\n')}

| memory of idle clients | clients | kB each |
| --- | ---: | ---: |
${idle.join('\n')}
`;
}
