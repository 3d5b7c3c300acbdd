// Guessing: how long a refusal is held back, how many at a time, and who is never kept waiting.
import { expect, test } from 'vitest';
import { type Attempt, Guessing, type GuessingOptions, networkOf } from '../../../src/auth/guessing.ts';

const AWAY = '192.0.2.7';

/** Passwords that come in, under a clock that the test moves. */
class Desk {
  now = 0;
  readonly told: string[] = [];
  readonly #timers: { readonly at: number; readonly callback: () => void }[] = [];
  readonly guessing: Guessing;

  constructor(options: Partial<GuessingOptions> = {}) {
    this.guessing = new Guessing({
      now: () => this.now,
      after: (ms, callback) => void this.#timers.push({ at: this.now + ms, callback }),
      ...options,
    });
  }

  async pass(ms: number): Promise<void> {
    const end = this.now + ms;
    for (;;) {
      await settle();
      const due = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      const [next] = due;
      if (next === undefined) break;
      this.#timers.splice(this.#timers.indexOf(next), 1);
      this.now = Math.max(this.now, next.at);
      next.callback();
    }
    this.now = end;
    await settle();
  }

  /** A wrong password, looked at as soon as its turn comes. */
  guess(name: string, address: string | null = AWAY, user = 'ada', checkMs = 0): Attempt {
    const attempt = this.guessing.attempt(user, address);
    const look = async () => {
      await attempt.turn;
      this.told.push(`${name} looked at ${this.now}`);
      this.now += checkMs;
      await attempt.failed();
      this.told.push(`${name} told ${this.now}`);
    };
    void look();
    return attempt;
  }

  /** How long each of so many refusals is held, one after the other. */
  async delays(count: number, address: string | null = AWAY, user = 'ada'): Promise<number[]> {
    const delays: number[] = [];
    for (let i = 0; i < count; i += 1) {
      const from = this.now;
      const attempt = this.guessing.attempt(user, address);
      let until = -1;
      void attempt.failed().then(() => {
        until = this.now;
      });
      while (until < 0) await this.pass(10);
      delays.push(until - from);
    }
    return delays;
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}

test('each refusal is held twice as long as the one before, up to 5 s; on this machine up to 1 s', async () => {
  const desk = new Desk();
  expect(await desk.delays(8)).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000]);
  for (const [user, address] of [
    ['of socket', null],
    ['of loopback', '127.0.0.1'],
  ] as const) {
    expect(await desk.delays(6, address, user)).toEqual([100, 200, 400, 800, 1000, 1000]);
  }
});

test('failures count for one user at one address, and are forgotten after 5 minutes without another', async () => {
  const desk = new Desk();
  await desk.delays(4);
  expect(await desk.delays(1, AWAY, 'bob')).toEqual([100]);
  expect(await desk.delays(1, '192.0.2.8')).toEqual([100]);
  expect(await desk.delays(1)).toEqual([1600]);
  await desk.pass(300_000);
  expect(await desk.delays(1)).toEqual([100]);
});

test('a refusal is told when the delay says, however long the check took', async () => {
  const desk = new Desk();
  desk.guess('quick', AWAY, 'ada', 0);
  await desk.pass(100);
  expect(desk.told.pop()).toBe('quick told 100');
  desk.guess('slow', AWAY, 'bob', 60);
  await desk.pass(100);
  expect(desk.told.pop()).toBe('slow told 200');
  desk.guess('later than its delay', AWAY, 'cyd', 120);
  await desk.pass(200);
  expect(desk.told.pop()).toBe('later than its delay told 400');
});

test('four refusals are held at a time; the next password is looked at when one is over, in order', async () => {
  const desk = new Desk();
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) desk.guess(name);
  await desk.pass(0);
  // Nobody had failed before the first four were looked at.
  expect(desk.told).toEqual(['a', 'b', 'c', 'd', 'e', 'f'].map((name) => `${name} looked at 0`));
  desk.told.length = 0;
  for (const name of ['g', 'h']) desk.guess(name);
  await desk.pass(3_000);
  expect(desk.told.filter((line) => line.includes('looked'))).toEqual(['g looked at 400', 'h looked at 800']);
});

test('on this machine nothing waits before it is looked at, however many guess', async () => {
  const desk = new Desk();
  for (let i = 0; i < 50; i += 1) desk.guess(String(i), '::1');
  await desk.pass(0);
  expect(desk.guessing.attempt('ada', '::ffff:127.0.0.1').turn).toBeNull();
  expect(desk.guessing.attempt('ada', '127.0.0.53').turn).toBeNull();
  expect(desk.guessing.attempt('ada', null).turn).toBeNull();
});

test('a right password gets in after 10 s, whoever else guesses, and is never held itself', async () => {
  const desk = new Desk();
  await desk.delays(12);
  for (let i = 0; i < 200; i += 1) desk.guess(String(i));
  const right = desk.guessing.attempt('ada', AWAY);
  let lookedAt = -1;
  void right.turn!.then(() => {
    lookedAt = desk.now;
    right.end();
  });
  const from = desk.now;
  await desk.pass(10_000);
  expect(lookedAt - from).toBe(10_000);
});

test('right passwords do not stand in the way of each other where somebody has failed', async () => {
  const desk = new Desk();
  await desk.delays(6);
  const crowd = Array.from({ length: 100 }, () => desk.guessing.attempt('ada', AWAY));
  let passed = 0;
  for (const attempt of crowd) {
    void (async () => {
      await attempt.turn;
      attempt.end();
      passed += 1;
    })();
  }
  await desk.pass(0);
  expect(passed).toBe(100);
});

test('who hangs up while its refusal is held does not make room; who hangs up in the queue does', async () => {
  const desk = new Desk();
  await desk.delays(7); // the next ones are held for 5 s
  const hangUp = ['a', 'b', 'c', 'd'].map((name) => desk.guess(name));
  await desk.pass(0);
  for (const attempt of hangUp) attempt.end();
  const leaver = desk.guessing.attempt('ada', AWAY);
  desk.guess('behind');
  leaver.end();
  leaver.end();
  await desk.pass(4_999);
  expect(desk.told.some((line) => line.startsWith('behind'))).toBe(false);
  await desk.pass(1);
  expect(desk.told.filter((line) => line.startsWith('behind looked'))).toHaveLength(1);
});

test('the table is bounded, and forgets what is old', async () => {
  const desk = new Desk({ maxEntries: 100 });
  for (let i = 0; i < 1_000; i += 1) desk.guess('x', AWAY, `user${i}`);
  await desk.pass(100);
  expect(desk.guessing.size).toBe(100);
  expect(await desk.delays(1, AWAY, 'user999')).toEqual([200]);
  expect(await desk.delays(1, AWAY, 'user0')).toEqual([100]);
  await desk.pass(300_000);
  await desk.delays(1, AWAY, 'somebody');
  expect(desk.guessing.size).toBe(1);
});

test.each([
  [null, null],
  ['127.1.2.3', null],
  ['::1', null],
  ['::ffff:127.0.0.1', null],
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:DB8:1:2::1', '2001:db8:1:2'],
  ['2001:db8::1', '2001:db8:0:0'],
  ['2001:db8:0:0:7::', '2001:db8:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
  ['::', '0:0:0:0'],
])('%s is counted as %s', (address, network) => {
  expect(networkOf(address)).toBe(network);
});
