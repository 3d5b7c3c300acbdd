// Numbers that belong together, as one.

/** Of the same names, added up; a name that some do not have is nothing there. */
export function sumNumbers<Numbers extends { readonly [name: string]: number }>(all: readonly Numbers[]): Numbers {
  const sum: Record<string, number> = {};
  for (const numbers of all)
    for (const [name, number] of Object.entries(numbers)) sum[name] = (sum[name] ?? 0) + number;
  return sum as Numbers;
}

/** Where nothing weighs anything, the largest. */
export function weightedMean(pairs: readonly (readonly [value: number, weight: number])[]): number {
  const all = pairs.reduce((sum, [, weight]) => sum + weight, 0);
  if (all === 0) return Math.max(...pairs.map(([value]) => value));
  return pairs.reduce((sum, [value, weight]) => sum + value * weight, 0) / all;
}

/** Of times as ISO 8601, one at least. */
export function latest(times: readonly string[]): string {
  return [...times].sort().at(-1)!;
}
