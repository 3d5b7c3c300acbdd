// A matrix that can't fail proves nothing: where pgsluice is told to let state through, it has to be found.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CHANGES } from './changes.ts';
import { ENDINGS } from './endings.ts';
import { Straight } from './straight.ts';
import { type PoolKind, Through } from './through.ts';

const straight = new Straight();
beforeAll(() => straight.start());
afterAll(() => straight.stop());

const faults: readonly { kind: Pick<PoolKind, 'policy'>; name: string; found: string }[] = [
  { kind: { policy: { temp: 'warn' } }, name: 'temporary table by SELECT INTO', found: '+ temporary relation basket' },
  { kind: { policy: { advisory_lock: 'warn' } }, name: 'advisory lock', found: '+ lock 1' },
  { kind: { policy: { hold_cursor: 'warn' } }, name: 'cursor WITH HOLD', found: '+ cursor held' },
  { kind: { policy: { listen: 'warn' } }, name: 'LISTEN', found: '+ channel news' },
  { kind: { policy: { seed: 'warn' } }, name: 'setseed()', found: '+ row t' },
  { kind: { policy: { sequence: 'warn' } }, name: 'nextval()', found: '+ row t' },
];

test.for(faults)('$name shows in the next client when nothing is done about it', async ({ kind, name, found }) => {
  const change = CHANGES.find((one) => one.name === name)!;
  const commit = ENDINGS.find((one) => one.name === 'then commit')!;
  const through = new Through(straight, { name, size: 1, ...kind });
  await through.start();
  try {
    const { seen } = await straight.play(change, commit);
    const { nextClients } = await through.play(change, commit, { seen, isHeld: false });
    expect(nextClients).toContain(found);
  } finally {
    await through.stop();
  }
});

test('state that was lost shows in the client itself', async () => {
  const change = CHANGES.find((one) => one.name === 'temporary table')!;
  const commit = ENDINGS.find((one) => one.name === 'then commit')!;
  const through = new Through(straight, { name: 'reset', size: 1, policy: { temp: 'reset' } });
  await through.start();
  try {
    const { seen } = await straight.play(change, commit);
    const { nextClients, state } = await through.play(change, commit, { seen, isHeld: false });
    expect(nextClients).toEqual([]);
    expect(state).toContain('ERROR 42P01: relation "basket" does not exist');
  } finally {
    await through.stop();
  }
});
