// The generated texts are those that are committed, and they are right.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { generatedFiles } from '../../../src/config/generate.ts';
import { generateExample } from '../../../src/config/generate-example.ts';
import { generateSchema } from '../../../src/config/generate-schema.ts';
import { defaultSettings, rowsOf } from '../../../src/config/settings-table.ts';
import { good } from './parse.ts';

const root = join(import.meta.dirname, '../../..');

test.each([...generatedFiles()])('%s is up to date (npm run generate)', (path, text) => {
  expect(readFileSync(join(root, path), 'utf8')).toBe(text);
});

describe('the example', () => {
  const env = { APP_PASSWORD: 'x' };

  test('is a valid configuration without a warning', () => {
    expect(good(generateExample(), { env }).warnings).toEqual([]);
  });

  test('shows every setting with its default', () => {
    const all = generateExample().replaceAll(/^#([a-z0-9_]+:)/gm, '$1');
    const { settings } = good(all, { env });
    expect(settings).toEqual(defaultSettings);
    for (const key of rowsOf.global.keys()) expect(all).toMatch(new RegExp(`^${key}: `, 'm'));
  });
});

test('the JSON schema knows every key of every scope and no other', () => {
  const schema = JSON.parse(generateSchema());
  const entry = (section: string) => schema.properties[section].additionalProperties.anyOf[0];
  for (const key of rowsOf.global.keys()) expect(schema.properties).toHaveProperty(key);
  for (const key of rowsOf.database.keys()) expect(entry('databases').properties).toHaveProperty(key);
  for (const key of rowsOf.user.keys()) expect(entry('users').properties).toHaveProperty(key);
  expect(schema.additionalProperties).toBe(false);
  expect(schema.properties).not.toHaveProperty('verbose');
});

test('rows are written in alphabetical order, topic by topic', () => {
  for (const scope of ['global', 'database', 'user'] as const) {
    const keys = [...rowsOf[scope].keys()];
    expect(keys).toEqual([...keys].sort());
  }
});
