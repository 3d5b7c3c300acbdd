// The harness has to be able to fail: faults that poolers in the field had are built in here, and each has to be caught.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FrameReader } from '../../src/protocol/frame-reader.ts';
import { ReplyQueue, Route } from '../../src/server/reply-queue.ts';
import { backend } from '../support/wire-backend.ts';
import * as build from '../support/wire-messages.ts';
import { cutAt, type Exchange, ReplayBench, whole } from './replay.ts';

let bench: ReplayBench;

const reply = (value: string) =>
  Buffer.concat([
    backend.rowDescription(['a']),
    backend.dataRow([value]),
    backend.commandComplete('SELECT 1'),
    backend.readyForQuery(),
  ]);

/** Three statements in one write. */
const pipeline: Exchange[] = [
  {
    send: Buffer.concat(['1', '2', '3'].map((n) => build.query(`SELECT ${n}`))),
    receive: Buffer.concat(['1', '2', '3'].map(reply)),
  },
];

beforeEach(async () => {
  bench = await ReplayBench.start();
});

afterEach(async () => {
  vi.restoreAllMocks();
  await bench.stop();
});

test('without a fault the pipeline passes, cut anywhere', async () => {
  await bench.play(pipeline, whole, whole);
  await bench.play(pipeline, cutAt(7), cutAt(40));
});

test('a server that counts as free at the first ReadyForQuery of a pipeline is caught', async () => {
  // The replies come in three pieces: behind the first one the faulty queue says that nothing is owed.
  vi.spyOn(ReplyQueue.prototype, 'isIdle', 'get').mockReturnValue(true);
  await expect(bench.play(pipeline, whole, cutAt(reply('1').length))).rejects.toThrow();
});

test('a reader that takes the first byte of a chunk for the beginning of a message is caught', async () => {
  const real = FrameReader.prototype.next;
  vi.spyOn(FrameReader.prototype, 'next').mockImplementation(function (this: FrameReader) {
    const isNext = real.call(this);
    if (isNext && !this.first) this.type = this.buffer[this.start]!;
    if (isNext && !this.first) this.first = true;
    return isNext;
  });
  // In the middle of CommandComplete, which nobody needs whole.
  await expect(bench.play(pipeline, whole, cutAt(reply('1').length - 13))).rejects.toThrow();
});

test('a reply that goes to nobody is caught', async () => {
  const real = ReplyQueue.prototype.received;
  let count = 0;
  vi.spyOn(ReplyQueue.prototype, 'received').mockImplementation(function (this: ReplyQueue, type: number) {
    const route = real.call(this, type);
    count += 1;
    return count === 6 ? Route.Swallow : route;
  });
  await expect(bench.play(pipeline, whole, whole)).rejects.toThrow();
});
