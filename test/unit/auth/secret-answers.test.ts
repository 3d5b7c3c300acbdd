// Answers about secrets: who shares one, how long one serves, and what happens when none comes.
import { expect, test } from 'vitest';
import { type SecretAnswer, SecretAnswers, type SecretAnswersOptions } from '../../../src/auth/secret-answers.ts';

const secretOf = (answer: SecretAnswer) => (answer.ok ? answer.found.secret : `problem: ${answer.problem}`);

/** Postgres, which answers when the test says so. */
class Desk {
  now = 0;
  ttlMs = 0;
  readonly asked: string[] = [];
  readonly #open: ((answer: SecretAnswer) => void)[] = [];
  readonly answers: SecretAnswers;

  constructor(options: Partial<SecretAnswersOptions> = {}) {
    this.answers = new SecretAnswers({
      ask: (user) => {
        this.asked.push(user);
        return new Promise((done) => this.#open.push(done));
      },
      now: () => this.now,
      ttlMs: () => this.ttlMs,
      ...options,
    });
  }

  /** The oldest question gets this answer. null: there is no such user. */
  async say(secret: string | null | Error): Promise<void> {
    const answer: SecretAnswer =
      secret instanceof Error
        ? { ok: false, problem: secret.message }
        : { ok: true, found: { isKnown: secret !== null, secret } };
    this.#open.shift()!(answer);
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
  }

  async learn(user: string, secret: string): Promise<void> {
    const found = this.answers.find(user);
    await this.say(secret);
    expect(secretOf(await found)).toBe(secret);
  }
}

test('each login is answered with what was true when it began, and a crowd asks twice', async () => {
  const desk = new Desk();
  const first = desk.answers.find('ada');
  const crowd = Array.from({ length: 50 }, () => desk.answers.find('ada'));
  expect(desk.asked).toEqual(['ada']);
  await desk.say('old');
  expect(desk.asked).toEqual(['ada', 'ada']);
  await desk.say('new');
  expect(secretOf(await first)).toBe('old');
  expect(new Set((await Promise.all(crowd)).map(secretOf))).toEqual(new Set(['new']));
  expect(desk.asked).toHaveLength(2);
});

test('those that come while the second question runs get a third', async () => {
  const desk = new Desk();
  const found = [desk.answers.find('ada'), desk.answers.find('ada')];
  await desk.say('1');
  found.push(desk.answers.find('ada'));
  await desk.say('2');
  await desk.say('3');
  expect((await Promise.all(found)).map(secretOf)).toEqual(['1', '2', '3']);
});

test('users do not wait for each other', async () => {
  const desk = new Desk();
  const [ada, bob] = [desk.answers.find('ada'), desk.answers.find('bob')];
  expect(desk.asked).toEqual(['ada', 'bob']);
  await desk.say('a');
  await desk.say('b');
  expect([secretOf(await ada), secretOf(await bob)]).toEqual(['a', 'b']);
});

test('an answer serves as long as it may, and no longer than until a login failed with it', async () => {
  const desk = new Desk();
  desk.ttlMs = 1000;
  await desk.learn('ada', 'old');
  desk.now = 999;
  expect(secretOf(await desk.answers.find('ada'))).toBe('old');
  expect(desk.asked).toHaveLength(1);
  desk.answers.forget('ada');
  await desk.learn('ada', 'new');
  desk.now += 1000;
  await desk.learn('ada', 'newer');
  expect(desk.asked).toHaveLength(3);
});

test('while Postgres can not be asked an answer serves for five minutes, then the problem is told', async () => {
  const desk = new Desk();
  await desk.learn('ada', 'secret');
  for (const [now, expected] of [
    [299_999, 'secret'],
    [300_000, 'problem: away'],
  ] as const) {
    desk.now = now;
    const found = desk.answers.find('ada');
    await desk.say(new Error('away'));
    expect(secretOf(await found)).toBe(expected);
  }
});

test('a user that is gone is not let in by what was known of it', async () => {
  const desk = new Desk();
  await desk.learn('ada', 'secret');
  const gone = desk.answers.find('ada');
  await desk.say(null);
  expect(await gone).toEqual({ ok: true, found: { isKnown: false, secret: null } });
  expect(desk.answers.known('ada')).toBeNull();
  const later = desk.answers.find('ada');
  await desk.say(new Error('away'));
  expect(secretOf(await later)).toBe('problem: away');
});

test('names that nobody has push out no answer, and others only the least recently used', async () => {
  const desk = new Desk({ maxEntries: 2 });
  await desk.learn('ada', 'a');
  await desk.learn('bob', 'b');
  for (let i = 0; i < 5; i += 1) {
    const stranger = desk.answers.find(`stranger${i}`);
    await desk.say(null);
    await stranger;
  }
  expect(desk.answers.size).toBe(2);
  desk.ttlMs = 1000;
  await desk.answers.find('ada');
  await desk.learn('cyd', 'c');
  expect(desk.answers.size).toBe(2);
  expect(desk.answers.known('ada')).not.toBeNull();
  expect(desk.answers.known('bob')).toBeNull();
});

test('only so many users are asked for at a time', async () => {
  const desk = new Desk({ maxQuestions: 1 });
  const ada = desk.answers.find('ada');
  expect(secretOf(await desk.answers.find('bob'))).toMatch(/too many/);
  await desk.say('a');
  expect(secretOf(await ada)).toBe('a');
  await desk.learn('bob', 'b');
});
