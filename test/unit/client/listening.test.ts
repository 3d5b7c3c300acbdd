// A client that takes its channels back to a server of its own, while the connection that listened for it is late.
import { expect, test } from 'vitest';
import { Listening } from '../../../src/client/listening.ts';
import type { PoolerError } from '../../../src/protocol/catalogue.ts';
import { FrameReader, holdEverything } from '../../../src/protocol/frame-reader.ts';
import { backend } from '../../support/wire-backend.ts';

const MARKERS = 'markers';
const LIMIT = 10_000;

/** A client whose server has passed the marker, and whose shared connection has not. */
function early() {
  const said: Buffer[] = [];
  const errors: PoolerError[] = [];
  let isTaken = false;
  const stream = { unsentBytes: 0, flush() {}, write: (bytes: Buffer) => said.push(bytes) };
  const server = { backendPid: 7, pins: 0, stream: { flush() {} }, attempt() {}, ask() {} };
  let answered: (error: null) => void = () => {};
  Object.assign(server, {
    ask: (_sql: string, done: typeof answered) => {
      answered = done;
    },
  });
  const client = {
    stream,
    server,
    listenBuffer: LIMIT,
    onListenerReady() {},
    onChannelsTaken: () => {
      isTaken = true;
    },
    stage: 'relay',
    onServerReady() {},
    close: (_reason: string, error: PoolerError) => errors.push(error),
  };
  const listener = { markers: MARKERS, mark: () => 2 };
  const listening = new Listening(client as never, listener as never);
  const { feed } = listening;
  feed.change(1);
  feed.passedOnServer(1);
  feed.passedOnShared(1);
  feed.changed();
  listening.take(server as never);
  const hears = (channel: string, payload: string) => {
    const reader = new FrameReader(holdEverything(1_000_000), 1_000_000);
    reader.push(backend.notification(3, channel, payload));
    reader.next();
    return listening.keeps(reader, server as never, 99);
  };
  expect(hears(MARKERS, '2')).toBe(true);
  return {
    hears,
    /** The shared connection comes to the marker. */
    catchUp: () => {
      answered(null);
      feed.passedOnShared(2);
      listening.onMarker();
    },
    said,
    errors,
    isTaken: () => isTaken,
  };
}

test('what its server says early waits, and comes when the shared connection has caught up', () => {
  const { hears, catchUp, said, errors, isTaken } = early();
  for (let n = 0; n < 3; n += 1) expect(hears('news', String(n))).toBe(true);
  expect([said.length, isTaken()]).toEqual([0, false]);
  catchUp();
  const text = Buffer.concat(said).toString('latin1').replaceAll('\0', ' ');
  expect(text).toMatch(/news 0.*news 1.*news 2/s);
  expect([errors.length, isTaken()]).toEqual([0, true]);
});

test('more than listen_buffer of it is not kept, and the client is told so', () => {
  const { hears, catchUp, said, errors, isTaken } = early();
  for (let n = 0; n < 1_000; n += 1) expect(hears('news', 'x'.repeat(1_000))).toBe(true);
  catchUp();
  expect(errors.map(({ code }) => code)).toEqual(['listen_buffer']);
  expect([said.length, isTaken()]).toEqual([0, false]);
});
