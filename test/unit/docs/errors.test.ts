// The catalogue of errors and the close reasons: each is used, and none is used that is not there.
import { describe, expect, test } from 'vitest';
import { clientCloseReasons, serverCloseReasons } from '../../../.ci/errors.ts';
import { CATALOGUE } from '../../../src/protocol/catalogue.ts';
import { filesOf } from './files.ts';

const source = filesOf('src', '.ts');
/** Where a name is used: not where the list of names is, nor in the other direction of a union. */
const users = [...source]
  .filter(([path]) => path !== 'src/protocol/catalogue.ts')
  .map(([, text]) => withoutUnions(text));

function withoutUnions(text: string): string {
  return text.replaceAll(/^export type \w+Reason =[^;]*;/gm, '');
}

function isUsed(name: string): boolean {
  return users.some((text) => text.includes(`'${name}'`));
}

describe('the catalogue', () => {
  test.each(Object.keys(CATALOGUE))('%s is raised somewhere', (code) => {
    expect(isUsed(code)).toBe(true);
  });

  test('has every code that is raised', () => {
    const raised = [...source.values()].flatMap((text) =>
      [...text.matchAll(/\b(?:poolerError|refused)\('([^']*)'/g)].map((match) => match[1] ?? ''),
    );
    expect(raised.length).toBeGreaterThan(10);
    for (const code of raised) expect(CATALOGUE).toHaveProperty(code);
  });

  test.each(Object.entries(CATALOGUE))('%s has a SQLSTATE and a message without a full stop', (_code, row) => {
    expect(row.sqlstate).toMatch(/^[0-9A-Z]{5}$/);
    expect(row.message).not.toMatch(/\.$/);
  });
});

test.each(Object.keys({ ...clientCloseReasons, ...serverCloseReasons }))('something is closed for %s', (reason) => {
  expect(isUsed(reason)).toBe(true);
});
