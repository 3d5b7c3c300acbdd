// Metrics whose values are kept elsewhere, in the text that Prometheus reads.
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { Families } from '../../../src/observe/families.ts';
import { LabelNames, MAX_APPLICATIONS, MAX_POOLS } from '../../../src/observe/label-names.ts';
import { Histogram } from '../../../src/util/histogram.ts';
import { readSamples, sumOf } from '../../support/metrics-text.ts';

function make(): { registry: Registry; families: Families } {
  const registry = new Registry();
  return { registry, families: new Families(registry) };
}

test('a value is read at each scrape', async () => {
  const { registry, families } = make();
  let value = 1;
  families.add('counter', { name: 'things_total', help: 'Things.', labels: ['kind'] }, (add) => add(['a'], value));
  expect(await registry.metrics()).toBe(
    '# HELP things_total Things.\n# TYPE things_total counter\nthings_total{kind="a"} 1\n',
  );
  value = 2;
  expect(sumOf(readSamples(await registry.metrics()), 'things_total')).toBe(2);
});

test('samples that share their labels are one, by sum or as it is said', async () => {
  const { registry, families } = make();
  families.add('gauge', { name: 'sums', help: 'Sums.', labels: ['name'] }, (add) => {
    for (const value of [3, 4]) add(['other'], value);
  });
  families.add(
    'gauge',
    { name: 'most', help: 'Most.', labels: ['name'] },
    (add) => {
      for (const value of [3, 4]) add(['other'], value);
    },
    Math.max,
  );
  const samples = readSamples(await registry.metrics());
  expect(samples.map(({ name, value }) => `${name} ${value}`)).toEqual(['sums 7', 'most 4']);
});

test('a histogram is cumulative, ends with +Inf, and its buckets agree with its count', async () => {
  const { registry, families } = make();
  const histogram = new Histogram();
  for (const ms of [0.06, 0.6, 0.7, 6, 60, 1e9]) histogram.record(ms);
  families.addHistogram({ name: 'took_seconds', help: 'Took.', labels: ['pool'] }, (add) => add(['p'], histogram));
  const text = await registry.metrics();
  expect(text).toContain('# TYPE took_seconds histogram\n');
  const samples = readSamples(text);
  const buckets = samples.filter(({ name }) => name === 'took_seconds_bucket');
  const le = (bound: string) => sumOf(samples, 'took_seconds_bucket', { le: bound, pool: 'p' });
  expect([
    le('0.00005'),
    le('0.0001'),
    le('0.0005'),
    le('0.001'),
    le('0.01'),
    le('0.1'),
    le('1000'),
    le('+Inf'),
  ]).toEqual([0, 1, 1, 3, 4, 5, 5, 6]);
  expect(buckets.map(({ value }) => value)).toEqual(buckets.map(({ value }) => value).sort((a, b) => a - b));
  expect(sumOf(samples, 'took_seconds_count')).toBe(6);
  expect(sumOf(samples, 'took_seconds_sum')).toBeCloseTo(1e6 + 0.06736);
});

test('histograms that share their labels are added', async () => {
  const { registry, families } = make();
  const [a, b] = [new Histogram(), new Histogram()];
  a.record(1);
  b.record(2);
  families.addHistogram({ name: 'took_seconds', help: 'Took.', labels: ['pool'] }, (add) => {
    add(['other'], a);
    add(['other'], b);
  });
  const samples = readSamples(await registry.metrics());
  expect(sumOf(samples, 'took_seconds_count')).toBe(2);
  expect(sumOf(samples, 'took_seconds_bucket', { le: '0.001' })).toBe(1);
  // What was added up is not what is kept.
  expect([a.count, b.count]).toEqual([1, 1]);
});

test('there are only so many applications and pools, for ever', () => {
  const labels = new LabelNames();
  for (let i = 0; i < 10_000; i += 1) {
    labels.application(`application ${i}`);
    labels.pool(`database ${i}`, 'user');
  }
  expect(labels.application(`application ${MAX_APPLICATIONS - 1}`)).toBe(`application ${MAX_APPLICATIONS - 1}`);
  expect(labels.application(`application ${MAX_APPLICATIONS}`)).toBe('other');
  expect(labels.pool(`database ${MAX_POOLS - 1}`, 'user')).toEqual([`database ${MAX_POOLS - 1}`, 'user']);
  expect(labels.pool(`database ${MAX_POOLS}`, 'user')).toEqual(['other', 'other']);
});

test('a label is short, and does nothing to a terminal or a line', async () => {
  const { registry, families } = make();
  const labels = new LabelNames();
  const names = [
    '\u001b[31mred\u001b[0m\r\n"x"\\',
    'x'.repeat(1_000_000),
    '<script>alert(1)</script>',
    '\u202egnol\u0000',
    `a${'🙂'.repeat(40)}`,
  ];
  families.add('gauge', { name: 'clients', help: 'Clients.', labels: ['name'] }, (add) => {
    for (const name of names) add([labels.application(name)], 1);
  });
  const text = await registry.metrics();
  expect(text).not.toMatch(/[^\P{C}\n]/u);
  const told = readSamples(text).map(({ labels }) => labels.name!);
  expect(told).toHaveLength(names.length);
  expect(told[0]).toBe('[31mred [0m "x"\\');
  for (const label of told) expect(label.length).toBeLessThanOrEqual(64);
});
