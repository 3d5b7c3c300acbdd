// docs/operations.md names every metric that is served, and no other.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { App } from '../../../src/app.ts';
import { parseConfig } from '../../../src/config/load.ts';
import { root } from './files.ts';

async function served(): Promise<string[]> {
  const result = parseConfig('databases: { app: { host: 127.0.0.1 } }\nusers: { app: { password: x } }\n');
  if (!result.ok) throw new Error('the configuration of this test is wrong');
  const text = await new App(result.config, { log: pino({ level: 'silent' }) }).metrics.text();
  return [...text.matchAll(/^# HELP (pgsluice_\w+)/gm)].map((match) => match[1] ?? '');
}

test('every metric is in the table of docs/operations.md, and nothing else is', async () => {
  const text = readFileSync(join(root, 'docs/operations.md'), 'utf8');
  const told = [...text.matchAll(/^\| `(pgsluice_\w+)`/gm)].map((match) => match[1] ?? '');
  expect(told.sort()).toEqual((await served()).sort());
});

test('no document speaks of a metric that is not served', async () => {
  const names = new Set(await served());
  const text = readFileSync(join(root, 'docs/operations.md'), 'utf8') + readFileSync(join(root, 'README.md'), 'utf8');
  for (const [name] of text.matchAll(/\bpgsluice_\w*[a-z]\b/g)) expect(names).toContain(name);
});
