// docs/lifecycle.md and docs/errors.md are what the code says today.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { generatedDocuments } from '../../../.ci/documents.ts';
import { commentsOf } from '../../../.ci/lifecycle.ts';
import { CLIENT_MOVES } from '../../../src/client/states.ts';
import { POOL_MOVES } from '../../../src/pool/states.ts';
import { SERVER_MOVES } from '../../../src/server/states.ts';

const root = join(import.meta.dirname, '../../..');
const documents = generatedDocuments(root);
const tables: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  CLIENT_MOVES,
  SERVER_MOVES,
  POOL_MOVES,
};

test.each([...documents])('%s is up to date (npm run generate)', (path, text) => {
  expect(readFileSync(join(root, path), 'utf8')).toBe(text);
});

describe('the diagrams', () => {
  const text = documents.get('docs/lifecycle.md') ?? '';

  test.each(Object.entries(tables))('draw every move of %s', (_name, moves) => {
    for (const [from, next] of Object.entries(moves)) {
      for (const to of next) expect(text).toContain(`  ${from} --> ${to}\n`);
    }
  });

  test('draw no move that no table has', () => {
    const known = Object.values(tables).flatMap((moves) =>
      Object.entries(moves).flatMap(([from, next]) => next.map((to) => `${from} --> ${to}`)),
    );
    const drawn = [...text.matchAll(/^ {2}(\w+ --> \w+)$/gm)].map((match) => match[1]);
    expect(drawn.sort()).toEqual(known.sort());
  });
});

test('a comment over several lines is read as one sentence', () => {
  const source =
    "export const S = {\n  /**\n   * Here it waits.\n   * And goes.\n   */\n  A: 'a',\n  /** Over. */\n  B: 'b',\n} as const;";
  expect([...commentsOf(source, 'S')]).toEqual([
    ['a', 'Here it waits. And goes.'],
    ['b', 'Over.'],
  ]);
});
