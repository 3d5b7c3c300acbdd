// The queue of owed replies against a model of Postgres: whatever is sent and however it is interleaved.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReplyQueue, Route } from '../../src/server/reply-queue.ts';
import { frontendSequence } from '../support/frontend-sequences.ts';
import { PostgresModel, type Reply, type Sent } from '../support/postgres-model.ts';

/** The queue ended the connection. */
class Refused extends Error {}

/** A server with its two directions: what was sent and not read, what was answered and not received. */
class Wire {
  readonly queue = new ReplyQueue();
  readonly postgres = new PostgresModel();
  readonly inbox: Sent[] = [];
  readonly outbox: Reply[] = [];
  received = '';
  /** The client keeps to the rules, so that what is owed can always be told. */
  isOrderly = true;

  send(message: Sent): void {
    this.queue.sent(message.type.charCodeAt(0), message.ours);
    this.inbox.push(message);
  }

  probe(): void {
    this.queue.probeSent();
    this.inbox.push({ type: 'Q', statements: [], ours: true });
  }

  serve(): void {
    const message = this.inbox.shift();
    if (message !== undefined) this.outbox.push(...this.postgres.take(message));
  }

  receive(): void {
    const reply = this.outbox.shift();
    if (reply === undefined) return;
    this.received += reply.type;
    const route = this.queue.received(reply.type.charCodeAt(0));
    if (route === Route.Violation) throw new Refused(`reply ${this.received}`);
    expect(route, `reply ${this.received}`).toBe(reply.ours ? Route.Swallow : Route.Forward);
  }

  /** Something is on its way, or Postgres is in the middle of something once it has read all. */
  get isOwing(): boolean {
    if (this.outbox.length > 0) return true;
    const ahead = this.postgres.copy();
    return this.inbox.some((message) => ahead.take(message).length > 0) || !ahead.isClean;
  }

  check(): void {
    const { isOwing, queue } = this;
    if (queue.isIdle) expect(isOwing, `idle after ${this.received}`).toBe(false);
    if (!isOwing && this.isOrderly)
      expect(queue.isIdle || queue.needsProbe, `not idle after ${this.received}`).toBe(true);
  }
}

/** Numbers that decide who moves next; any list will do. */
const turns = fc.array(fc.nat({ max: 3 }), { minLength: 10, maxLength: 60 });

function play(messages: readonly Sent[], order: readonly number[], eager: boolean): Wire {
  const wire = new Wire();
  replay(wire, messages, order, eager);
  return wire;
}

function replay(wire: Wire, messages: readonly Sent[], order: readonly number[], eager: boolean): void {
  const rest = [...messages];
  for (let i = 0; rest.length + wire.inbox.length + wire.outbox.length > 0 || wire.queue.needsProbe; i += 1) {
    const turn = order[i % order.length]!;
    if (wire.queue.needsProbe && (eager || rest.length === 0 || turn === 3)) wire.probe();
    else if (turn === 0 && rest.length > 0) wire.send(rest.shift()!);
    else if (turn === 1 && wire.inbox.length > 0) wire.serve();
    else if (wire.outbox.length > 0) wire.receive();
    else if (wire.inbox.length > 0) wire.serve();
    else if (rest.length > 0) wire.send(rest.shift()!);
    wire.check();
  }
}

function plain(type: string): Sent {
  if (type === 'Q') return { type, statements: ['rows'] };
  return type === 'E' ? { type, statement: 'rows' } : ({ type } as Sent);
}

describe('any sequence of messages', () => {
  it('has each reply go to who asked, and is idle exactly when Postgres owes nothing', () => {
    fc.assert(
      fc.property(frontendSequence, turns, fc.boolean(), (messages, order, eager) => {
        const wire = play(messages, order, eager);
        expect(wire.queue.isIdle).toBe(wire.postgres.isClean);
        expect(wire.queue.length).toBe(0);
      }),
      { numRuns: 5000 },
    );
  });

  it('is idle after one more Sync', () => {
    fc.assert(
      fc.property(frontendSequence, turns, (messages, order) => {
        const wire = play([...messages, { type: 'S' }], order, true);
        expect(wire.queue.isIdle).toBe(true);
        expect(wire.queue.isBatchOpen).toBe(false);
        expect(wire.queue.isCopyIn).toBe(false);
      }),
      { numRuns: 2000 },
    );
  });

  it('leaves nothing behind that a later statement could stumble over', () => {
    const statement: Sent[] = [{ type: 'Q', statements: ['rows'] }];
    fc.assert(
      fc.property(frontendSequence, turns, fc.integer({ min: 1, max: 5 }), (messages, order, times) => {
        const wire = play(
          Array.from({ length: times }, () => [...messages, { type: 'S' } as Sent]).flat(),
          order,
          false,
        );
        wire.received = '';
        for (const message of statement) wire.send(message);
        while (wire.inbox.length > 0) wire.serve();
        while (wire.outbox.length > 0) wire.receive();
        expect(wire.received).toBe('TDCZ');
        expect(wire.queue.isIdle).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  it('that goes on behind a copy without waiting for it may end the connection, but is never idle too early', () => {
    const careless = fc.array(fc.constantFrom(...'QPBESCFdcf'), { maxLength: 8 });
    fc.assert(
      fc.property(careless, turns, fc.boolean(), (types, order, eatsSync) => {
        const copy: Sent = { type: 'E', statement: eatsSync ? 'copy' : 'broken copy' };
        const end: Sent[] = eatsSync ? [{ type: 'd', fails: true }] : [];
        const wire = new Wire();
        wire.isOrderly = false;
        const messages: Sent[] = [{ type: 'P' }, { type: 'B' }, copy, { type: 'S' }, ...end, ...types.map(plain)];
        try {
          replay(wire, messages, order, false);
        } catch (error) {
          if (!(error instanceof Refused)) throw error;
        }
      }),
      { numRuns: 3000 },
    );
  });

  it('and any answers never throw, and never make a closed account of an open one', () => {
    const types = [...'QPBDECSFHdcf'].map((type) => type.charCodeAt(0));
    const anyByte = fc.integer({ min: 0, max: 255 });
    const call = fc.oneof(
      fc.record({ from: fc.constant('frontend' as const), type: fc.oneof(fc.constantFrom(...types), anyByte) }),
      fc.record({ from: fc.constant('backend' as const), type: anyByte }),
    );
    fc.assert(
      fc.property(fc.array(call, { maxLength: 60 }), (calls) => {
        const queue = new ReplyQueue();
        for (const { from, type } of calls) {
          if (from === 'frontend') queue.sent(type);
          else expect([Route.Forward, Route.Swallow, Route.Violation]).toContain(queue.received(type));
          expect(queue.length).toBeGreaterThanOrEqual(0);
          if (queue.isIdle) expect(queue.length).toBe(0);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
