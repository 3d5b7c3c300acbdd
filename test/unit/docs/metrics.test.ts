// docs/operations.md names every metric that is served, and no other.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root, servedMetrics } from './files.ts';

test('every metric is in the table of docs/operations.md, and nothing else is', async () => {
  const text = readFileSync(join(root, 'docs/operations.md'), 'utf8');
  const told = [...text.matchAll(/^\| `(pgsluice_\w+)`/gm)].map((match) => match[1] ?? '');
  expect(told.sort()).toEqual((await servedMetrics()).sort());
});

test('no document speaks of a metric that is not served', async () => {
  const names = new Set(await servedMetrics());
  const text = readFileSync(join(root, 'docs/operations.md'), 'utf8') + readFileSync(join(root, 'README.md'), 'utf8');
  for (const [name] of text.matchAll(/\bpgsluice_\w*[a-z]\b/g)) expect(names).toContain(name);
});
