// What the Dockerfile promises without an engine to build it: where packages come from, who runs, and as which process.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const lines = readFileSync(new URL('../../Dockerfile', import.meta.url), 'utf8').split('\n');

test('the image is built from the lockfile, without install scripts', () => {
  const installs = lines.filter((line) => /^RUN .*\bnpm\b/.test(line));
  expect(installs.length).toBeGreaterThan(0);
  for (const line of installs) expect(line).toMatch(/^RUN npm ci .*--ignore-scripts/);
});

test('every stage begins with the same base', () => {
  const bases = lines.filter((line) => line.startsWith('FROM ')).map((line) => line.split(' ')[1]);
  expect(new Set(bases)).toEqual(new Set(['node:24-slim']));
});

test('the pooler is process 1 and an ordinary user, and no shell stands between it and a signal', () => {
  const last = lines.slice(lines.findLastIndex((line) => line.startsWith('FROM ')));
  expect(last.findLast((line) => line.startsWith('USER '))).toBe('USER node');
  expect(last.find((line) => line.startsWith('ENTRYPOINT '))).toMatch(/^ENTRYPOINT \["node",/);
});
