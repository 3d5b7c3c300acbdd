// Reads what /metrics serves, strictly: a line that Prometheus would not understand is an error.
import type { App } from '../../src/app.ts';

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/y;

export function readSamples(text: string): Sample[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, name, labels = '', value] = LINE.exec(line) ?? [];
      const number = value === '+Inf' ? Number.POSITIVE_INFINITY : Number(value);
      // prom-client's own, where nothing was measured since the last scrape.
      const isUnknown = value === 'Nan' && name?.startsWith('nodejs_') === true;
      if (name === undefined || (Number.isNaN(number) && !isUnknown)) throw new Error(`no sample: ${line}`);
      return { name, labels: readLabels(labels), value: number };
    });
}

function readLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  let at = 0;
  while (at < text.length) {
    LABEL.lastIndex = at;
    const [whole, name, value] = LABEL.exec(text) ?? [];
    if (whole === undefined) throw new Error(`no labels: ${text}`);
    labels[name!] = value!.replace(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character));
    at += whole.length;
  }
  return labels;
}

export async function samplesOf(app: App): Promise<Sample[]> {
  return readSamples(await app.metrics.text());
}

/** The sum of all samples of this name that have these labels. */
export function sumOf(samples: readonly Sample[], name: string, labels: Record<string, string> = {}): number {
  return samples
    .filter(
      (sample) => sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
    )
    .reduce((sum, { value }) => sum + value, 0);
}
