// The smallest statement that undoes what holds a server to its client.
import { expect, test } from 'vitest';
import { isForGood, resetOf, resetsAll } from '../../../src/pool/resets.ts';
import { Suspect } from '../../../src/session/suspect.ts';

test('each pin that has a reset of its own is undone by that alone', () => {
  expect(resetOf(Suspect.Temp)).toBe('DISCARD TEMP');
  expect(resetOf(Suspect.Temp | Suspect.Listen)).toBe('DISCARD TEMP;UNLISTEN *');
});

test('a pin without one takes DISCARD ALL, which undoes the others too', () => {
  expect(resetOf(Suspect.Held)).toBe('DISCARD ALL');
  expect(resetOf(Suspect.Held | Suspect.Temp)).toBe('DISCARD ALL');
});

test.each([Suspect.Load, Suspect.Seed | Suspect.Temp])('what no statement undoes ends with the server (%i)', (pins) => {
  expect([resetOf(pins), isForGood(pins)]).toEqual([null, true]);
});

test('a server_reset_query leaves nothing only when it says ALL', () => {
  expect(['DISCARD ALL', 'select 1; reset  all'].map(resetsAll)).toEqual([true, true]);
  expect(['DISCARD TEMP', 'RESET allow_system_table_mods', ''].map(resetsAll)).toEqual([false, false, false]);
});
