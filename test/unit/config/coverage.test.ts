// Every setting has a test that observes its effect: one in test/integration/settings/ whose title begins with its name and a colon.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { rowsOf } from '../../../src/config/settings-table.ts';

const folder = join(import.meta.dirname, '../../integration/settings');

/** The settings that the titles of tests begin with. */
function tested(): Set<string> {
  const names = new Set<string>();
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.test.ts'))) {
    const text = readFileSync(join(folder, file), 'utf8');
    for (const [, name] of text.matchAll(/\btest\(\s*['"`]([a-z0-9_]+): /g)) names.add(name!);
  }
  return names;
}

const settings = new Set(Object.values(rowsOf).flatMap((rows) => [...rows.keys()]));

test('every setting has a test of its effect', () => {
  const names = tested();
  expect([...settings].filter((name) => !names.has(name))).toEqual([]);
});

test('every title that begins with a name and a colon names a setting that there is', () => {
  expect([...tested()].filter((name) => !settings.has(name))).toEqual([]);
});
