// Logins share the event loop: some of each turn is theirs, in order of arrival.
import { describe, expect, test } from 'vitest';
import { LoginTurns } from '../../../src/client/login-turns.ts';

function stage(costMs: number) {
  let now = 0;
  const turns: (() => void)[] = [];
  const taken: string[] = [];
  const held: string[] = [];
  const pauses: (() => void)[] = [];
  const logins = new LoginTurns(
    () => now,
    (callback) => turns.push(callback),
    (callback) => pauses.push(callback),
  );
  const client = (name: string) => ({
    takeLoginBytes: (chunk: Buffer) => {
      now += costMs;
      taken.push(`${name}${chunk}`);
    },
    holdBack: () => held.push(name),
  });
  const pass = (ms: number) => {
    now += ms;
  };
  const turn = () => turns.shift()?.();
  const endPause = () => pauses.shift()?.();
  return {
    logins,
    client,
    taken,
    held,
    turn,
    endPause,
    pass,
    waiting: () => turns.length,
    paused: () => pauses.length,
  };
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

describe('in a storm', () => {
  /** 45 come at once; two are taken in a turn, four in a turn behind a pause. */
  function storm() {
    const all = stage(0.15);
    for (let i = 0; i < 45; i += 1) all.logins.take(all.client('a'), Buffer.from('1'));
    const seen = () => [all.taken.length, all.waiting(), all.paused()];
    expect(seen()).toEqual([2, 1, 0]);
    return { ...all, seen };
  }

  test('logins leave the processor alone between their turns while others are served, and have longer turns', () => {
    const { logins, seen, turn, endPause } = storm();
    logins.isServing = true;
    turn();
    expect(seen()).toEqual([4, 0, 1]);
    endPause();
    expect(seen()).toEqual([8, 0, 1]);
    endPause();
    expect(seen()).toEqual([12, 0, 1]);
    endPause();
    // Fewer than 32 are left: no storm.
    expect(seen()).toEqual([16, 1, 0]);
  });

  test('logins have one turn after the other while nobody is served', () => {
    const { seen, turn } = storm();
    turn();
    expect(seen()).toEqual([4, 1, 0]);
  });

  test('logins have one turn after the other when nobody has been served for a while', () => {
    const { logins, seen, turn, endPause, pass } = storm();
    logins.isServing = true;
    turn();
    pass(10);
    endPause();
    expect(seen()).toEqual([8, 1, 0]);
  });
});
