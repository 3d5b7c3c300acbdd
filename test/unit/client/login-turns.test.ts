// Logins share the event loop: some of each turn is theirs, in order of arrival.
import { expect, test } from 'vitest';
import { LoginTurns } from '../../../src/client/login-turns.ts';

function stage(costMs: number) {
  let now = 0;
  const turns: (() => void)[] = [];
  const taken: string[] = [];
  const held: string[] = [];
  const logins = new LoginTurns(
    () => now,
    (callback) => turns.push(callback),
  );
  const client = (name: string) => ({
    takeLoginBytes: (chunk: Buffer) => {
      now += costMs;
      taken.push(`${name}${chunk}`);
    },
    holdBack: () => held.push(name),
  });
  return { logins, client, taken, held, turn: () => turns.shift()?.(), waiting: () => turns.length };
}

test('a login is taken at once when others have not used up the turn', () => {
  const { logins, client, taken, held } = stage(0.1);
  logins.take(client('a'), Buffer.from('1'));
  logins.take(client('b'), Buffer.from('1'));
  expect(taken).toEqual(['a1', 'b1']);
  expect(held).toEqual([]);
});

test('who comes when the turn is used up waits for the next one, reads no further, and goes before those that come later', () => {
  const { logins, client, taken, held, turn, waiting } = stage(0.15);
  for (const name of ['a', 'b', 'c', 'd', 'e']) logins.take(client(name), Buffer.from('1'));
  expect([taken, held]).toEqual([
    ['a1', 'b1'],
    ['c', 'd', 'e'],
  ]);
  turn();
  expect(taken).toEqual(['a1', 'b1', 'c1', 'd1']);
  logins.take(client('f'), Buffer.from('1'));
  turn();
  expect(taken).toEqual(['a1', 'b1', 'c1', 'd1', 'e1', 'f1']);
  turn();
  expect([logins.length, waiting()]).toEqual([0, 0]);
});

test('a login that costs more than a turn still has its turn', () => {
  const { logins, client, taken, turn } = stage(5);
  for (const name of ['a', 'b', 'c']) logins.take(client(name), Buffer.from('1'));
  turn();
  expect(taken).toEqual(['a1', 'b1']);
  turn();
  expect(taken).toEqual(['a1', 'b1', 'c1']);
});

test('connections that were accepted share the turn with logins, in order', () => {
  const { logins, client, taken, turn } = stage(0.15);
  const accept = (name: string) => logins.admit(() => client(name).takeLoginBytes(Buffer.from('0')));
  accept('a');
  logins.take(client('b'), Buffer.from('1'));
  accept('c');
  logins.take(client('d'), Buffer.from('1'));
  accept('e');
  expect(taken).toEqual(['a0', 'b1']);
  turn();
  expect(taken).toEqual(['a0', 'b1', 'c0', 'd1']);
  turn();
  expect(taken).toEqual(['a0', 'b1', 'c0', 'd1', 'e0']);
});
