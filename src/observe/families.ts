// Metrics whose values are kept elsewhere: each says how to read them, and prom-client writes them at the scrape.

import { setImmediate as turn } from 'node:timers/promises';
import { Gauge, type Registry } from 'prom-client';
import { BOUNDS_MS, type BucketCounts, type Histogram } from '../util/histogram.ts';

/** Adds to the sample with these label values, in the order of the family's labels. */
export type Add = (values: readonly string[], value: number) => void;
export type AddHistogram = (values: readonly string[], histogram: Histogram) => void;

export interface FamilyText {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
}

type Labels = Readonly<Record<string, string>>;

/** prom-client writes shared labels once for all samples that have the very same object. */
interface Sample {
  readonly labels: Labels;
  readonly sharedLabels: Labels;
  value: number;
  readonly metricName?: string;
}

const NO_LABELS: Labels = {};
/** More samples than these are written in a turn of their own. */
const MANY = 1_000;

/** One in 1, 2.5 and 5 of each decade: what is told of the finer buckets that are kept. Index and label of each. */
const TOLD_BUCKETS = BOUNDS_MS.map((ms, index) => ({ index, seconds: Number((ms / 1_000).toPrecision(6)) }))
  .filter(({ seconds }) => ['1', '2.5', '5'].includes(seconds.toExponential().replace(/e.*/, '')))
  .map(({ index, seconds }) => ({ index, label: String(seconds) }));

const BOUND_LABELS: Readonly<Record<string, Labels>> = Object.fromEntries(
  [...TOLD_BUCKETS.map(({ label }) => label), '+Inf'].map((le) => [le, { le }]),
);

type Kind = 'counter' | 'gauge' | 'histogram';
/** What becomes of the same sample of several workers. */
export type Across = 'sum' | 'max';

/** prom-client keeps the values of its metrics itself, by label. A gauge with a get() of its own does not. */
class ReadFamily extends Gauge {
  readonly #kind: Kind;
  readonly #text: FamilyText;
  readonly #across: Across;
  readonly #read: () => Sample[];

  constructor(registry: Registry, kind: Kind, text: FamilyText, across: Across, read: () => Sample[]) {
    super({ name: text.name, help: text.help, labelNames: [...text.labels], registers: [registry] });
    this.#kind = kind;
    this.#text = text;
    this.#across = across;
    this.#read = read;
  }

  override async get(): ReturnType<Gauge['get']> {
    return this.#tell(
      this.#read().map(({ labels, sharedLabels, ...rest }) => ({ ...rest, labels: { ...sharedLabels, ...labels } })),
    );
  }

  /** prom-client asks for this instead where a metric has it (as its histograms do), and it is to be text. */
  async getForPromString(): ReturnType<Gauge['get']> {
    const samples = this.#read();
    if (samples.length > MANY) await turn();
    return this.#tell(samples);
  }

  #tell(values: readonly object[]): Awaited<ReturnType<Gauge['get']>> {
    const { name, help } = this.#text;
    const told = { name, help, type: this.#kind, values, aggregator: this.#across, collect: () => {} };
    // Its types say that the kind is a number; what it reads and writes is the word.
    return told as unknown as Awaited<ReturnType<Gauge['get']>>;
  }
}

export class Families {
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** What is the same in every worker, or known to each. */
  addSame(text: FamilyText, fill: (add: Add) => void): void {
    this.add('gauge', text, fill, sum, 'max');
  }

  /** Samples with the same labels are added up: names that share a label are one. */
  add(
    kind: 'counter' | 'gauge',
    text: FamilyText,
    fill: (add: Add) => void,
    merge = sum,
    across: Across = merge === Math.max ? 'max' : 'sum',
  ): void {
    new ReadFamily(this.#registry, kind, text, across, () => {
      const samples = new Map<string, Sample>();
      fill((values, value) => {
        const key = values.join('\0');
        const known = samples.get(key);
        if (known === undefined)
          samples.set(key, { labels: NO_LABELS, sharedLabels: labelsOf(text.labels, values), value });
        else known.value = merge(known.value, value);
      });
      return [...samples.values()];
    });
  }

  addHistogram(text: FamilyText, fill: (add: AddHistogram) => void): void {
    new ReadFamily(this.#registry, 'histogram', text, 'sum', () => {
      const merged = new Map<string, { values: readonly string[]; counts: Float64Array; sumMs: number }>();
      fill((values, { counts, sumMs }) => {
        const key = values.join('\0');
        const known = merged.get(key);
        if (known === undefined) merged.set(key, { values, counts: counts.slice(), sumMs });
        else {
          for (let i = 0; i < counts.length; i += 1) known.counts[i]! += counts[i]!;
          known.sumMs += sumMs;
        }
      });
      return [...merged.values()].flatMap(({ values, counts, sumMs }) =>
        bucketSamples(text.name, labelsOf(text.labels, values), counts, sumMs),
      );
    });
  }
}

function sum(a: number, b: number): number {
  return a + b;
}

/** Of labels that come again: the picture keeps those of each pool. */
const madeLabels = new WeakMap<readonly string[], { readonly names: readonly string[]; readonly labels: Labels }>();

function labelsOf(names: readonly string[], values: readonly string[]): Labels {
  const last = madeLabels.get(values);
  if (last?.names === names) return last.labels;
  const labels: Record<string, string> = {};
  for (const [i, name] of names.entries()) labels[name] = values[i] ?? '';
  madeLabels.set(values, { names, labels });
  return labels;
}

function bucketSamples(name: string, sharedLabels: Labels, counts: BucketCounts, sumMs: number): Sample[] {
  const samples: Sample[] = [];
  const metricName = `${name}_bucket`;
  let seen = 0;
  let next = 0;
  for (const { index, label } of TOLD_BUCKETS) {
    for (; next <= index; next += 1) seen += counts[next]!;
    samples.push({ metricName, labels: BOUND_LABELS[label]!, sharedLabels, value: seen });
  }
  for (; next < counts.length; next += 1) seen += counts[next]!;
  samples.push({ metricName, labels: BOUND_LABELS['+Inf']!, sharedLabels, value: seen });
  samples.push({ metricName: `${name}_sum`, labels: NO_LABELS, sharedLabels, value: sumMs / 1_000 });
  samples.push({ metricName: `${name}_count`, labels: NO_LABELS, sharedLabels, value: seen });
  return samples;
}
