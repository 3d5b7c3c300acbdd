// session_policy and session_opaque as masks.
import { expect, test } from 'vitest';
import { kindNames, sessionPolicy } from '../../../src/session/policy.ts';
import { Suspect } from '../../../src/session/suspect.ts';

const all = ['temp=pin', 'listen=reset', 'load=reject', 'sequence=warn'];

test('each kind is in the mask of its action, and what is only counted is not watched', () => {
  const policy = sessionPolicy(all, 'reset');
  expect(policy.reset).toBe(Suspect.Listen);
  expect(policy.reject).toBe(Suspect.Load);
  expect(policy.warn).toBe(Suspect.Sequence);
  expect(policy.watched & Suspect.Sequence).toBe(0);
  for (const bit of [Suspect.Temp, Suspect.Listen, Suspect.Load, Suspect.Parameter, Suspect.Opaque])
    expect(policy.watched & bit).toBe(bit);
});

test('what nobody can look into is watched unless it is ignored', () => {
  expect(sessionPolicy(all, 'ignore').watched & Suspect.Opaque).toBe(0);
  expect(sessionPolicy(all, 'reset').isOpaquePinned).toBe(false);
  expect(sessionPolicy(all, 'pin').isOpaquePinned).toBe(true);
  expect(sessionPolicy(all, 'pin')).toBe(sessionPolicy(all, 'pin'));
});

test('pins have names', () => {
  expect(kindNames(Suspect.Temp | Suspect.AdvisoryLock | Suspect.Held)).toEqual(['advisory_lock', 'temp', 'opaque']);
  expect(kindNames(0)).toEqual([]);
});
