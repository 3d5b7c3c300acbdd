// Which of its two connections a client hears, and which messages may do without a server that listens.
import { describe, expect, test } from 'vitest';
import { FrameReader, holdEverything } from '../../../src/protocol/frame-reader.ts';
import {
  channelOf,
  Feed,
  giveBackQuery,
  isPlain,
  ListenState,
  notifierOf,
  payloadOf,
  takeQuery,
  withNotifier,
} from '../../../src/session/channels.ts';
import { cstring, int32, message, parse, query } from '../../support/wire-messages.ts';

function read(bytes: Buffer): FrameReader {
  const reader = new FrameReader(holdEverything(65_536), 65_536);
  reader.push(Buffer.concat([Buffer.from('S\0\0\0\x04'), bytes])); // does not begin at 0
  reader.next();
  reader.next();
  return reader;
}

describe('a feed', () => {
  test('hears its server first, and the shared connection from the marker on', () => {
    const feed = new Feed();
    expect([feed.hearsServer, feed.hearsShared, feed.isOnServer]).toEqual([true, false, true]);
    feed.change(1);
    expect([feed.state, feed.isOnServer]).toEqual([ListenState.Returning, false]);
    feed.passedOnServer(1);
    expect([feed.hearsServer, feed.hearsShared]).toEqual([false, false]);
    feed.changed();
    expect(feed.state).toBe(ListenState.Shared);
    feed.passedOnShared(1);
    expect([feed.hearsServer, feed.hearsShared]).toEqual([false, true]);
  });

  test('goes back to a server while the shared connection has not come to the marker before', () => {
    const feed = new Feed();
    feed.change(1);
    feed.passedOnServer(1);
    feed.changed();
    feed.change(2);
    feed.passedOnServer(2);
    expect([feed.hearsServer, feed.hearsShared, feed.isPassed]).toEqual([true, false, false]);
    expect(() => feed.changed()).toThrow('not over: taking');
    feed.passedOnShared(1);
    expect(feed.hearsShared).toBe(true);
    feed.passedOnShared(2);
    expect([feed.hearsServer, feed.hearsShared, feed.isPassed]).toEqual([true, false, true]);
    feed.changed();
    expect(feed.isOnServer).toBe(true);
  });

  test('takes the markers of others for nothing', () => {
    const feed = new Feed();
    feed.change(7);
    feed.passedOnServer(6);
    feed.passedOnShared(8);
    expect([feed.hearsServer, feed.hearsShared]).toEqual([true, false]);
  });

  test('makes one change at a time', () => {
    const feed = new Feed();
    feed.change(1);
    expect(() => feed.change(2)).toThrow('returning');
    expect(() => feed.changed()).toThrow('returning');
  });
});

test.each([
  ['SELECT 1', true],
  ['  select * from t where x = 5 ;', true],
  ['SHOW ALL', true],
  ['SELECT now()', false],
  ['SELECT 1; BEGIN', false],
  ['INSERT INTO t VALUES (1)', false],
  ['LISTEN a', false],
  ['selection', false],
  ['', false],
])('plain: %s is %s', (sql, expected) => {
  expect(isPlain(read(query(sql)))).toBe(expected);
  expect(isPlain(read(parse({ sql })))).toBe(false);
});

test('a notification is read, and told as of another process', () => {
  const notification = message('A', int32(42), cstring('Größe'), cstring('x y'));
  const reader = read(notification);
  expect([notifierOf(reader), channelOf(reader), payloadOf(reader)]).toEqual([42, 'Größe', 'x y']);
  expect(withNotifier(reader, 7)).toEqual(message('A', int32(7), cstring('Größe'), cstring('x y')));
  expect(notifierOf(reader)).toBe(42);
});

test('one that is broken is none', () => {
  expect([channelOf(read(message('A', int32(42)))), payloadOf(read(message('A', int32(42))))]).toEqual([null, '']);
  expect(notifierOf(read(message('A')))).toBe(0);
});

test('names are quoted', () => {
  expect(takeQuery(['a "b"', 'C'], 'marks', 3)).toMatch(
    /;LISTEN "a ""b""";LISTEN "C";LISTEN "marks";NOTIFY "marks", '3';COMMIT$/,
  );
  expect(giveBackQuery('marks', 4)).toMatch(/;LISTEN "marks";NOTIFY "marks", '4';COMMIT$/);
});
