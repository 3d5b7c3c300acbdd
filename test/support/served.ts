// What a running pgsluice has served, by its metrics: how many statements, and how many of them on a pinned server.

export interface Served {
  readonly queries: number;
  readonly pinned: number;
}

/** Over all pools that there are now. */
export async function readServed(httpPort: number): Promise<Served> {
  const response = await fetch(`http://127.0.0.1:${httpPort}/metrics`);
  const text = await response.text();
  return { queries: sum(text, 'pgsluice_pool_queries_total'), pinned: sum(text, 'pgsluice_pool_pinned_queries_total') };
}

/** Of all samples of one metric. */
function sum(text: string, name: string): number {
  const samples = [...text.matchAll(new RegExp(`^${name}\\{[^\\n]*\\} (\\S+)$`, 'gm'))];
  if (samples.length === 0) throw new Error(`the metrics have no ${name}`);
  return samples.reduce((total, [, value]) => total + Number(value), 0);
}

export function percent(part: number, whole: number): string {
  return whole === 0 ? '-' : `${((part / whole) * 100).toFixed(2)} %`;
}
