// The names of custom parameters that texts and values give away.
import { describe, expect, it } from 'vitest';
import { CustomNames } from '../../../src/session/custom-names.ts';

function read(text: string): { clear: boolean; names: string } {
  const names = new CustomNames();
  const clear = names.readText(text);
  return { clear, names: names.arrayText };
}

describe('the names in a text', () => {
  it.each([
    ['SET app.tenant = 1', '{app.tenant}'],
    ['SET LOCAL "App".Tenant TO 1; RESET a . b', '{app.tenant,a.b}'],
    ["SELECT set_config('app.tenant', $1, false)", '{app.tenant}'],
    ["PERFORM set_config( 'a.b'::text, x, true)", '{a.b}'],
    ["SELECT set_config(CASE WHEN a THEN 'a.b' END, x, true)", '{a.b}'],
    ['SET work_mem TO 1', '{}'],
  ])('of %s are %s', (text, expected) => {
    expect(read(text).names).toBe(expected);
  });

  it('are not all known where a name is computed', () => {
    expect(read("SELECT set_config('app.tenant', $1, false)").clear).toBe(true);
    expect(read('SELECT set_config($1, $2, false)').clear).toBe(true);
    expect(read('SELECT set_config($1::text, $2, false)').clear).toBe(true);
    expect(read("SELECT set_config('app.' || $1, $2, false)").clear).toBe(false);
    expect(read('SELECT set_config(name, value, false) FROM t').clear).toBe(false);
  });
});

describe('the values of a statement', () => {
  it('are names when they look like one', () => {
    const names = new CustomNames();
    for (const value of ['app.tenant', '42', 'a b.c', 'x.y; DROP', "it's.a", '1.5', '']) names.readValue(value);
    expect(names.arrayText).toBe('{app.tenant}');
  });
});

it('has an end, and says so', () => {
  const names = new CustomNames();
  let added = 0;
  while (names.add(`a.b${added}`) && added < 10_000) added += 1;
  expect(added).toBeLessThan(1000);
  expect(names.add('a.b0')).toBe(true);
  expect(names.add('one.more')).toBe(false);
  expect(names.readText("SELECT set_config('one.more', '', false)")).toBe(false);
  expect(new CustomNames().add(`a.${'b'.repeat(200)}`)).toBe(false);
  // It could not be asked for in a session with another encoding.
  expect(read('SET app.tür TO 1')).toEqual({ clear: false, names: '{}' });
});
