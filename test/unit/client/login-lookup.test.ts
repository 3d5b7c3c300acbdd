// A client's login whose secret has to be asked for first.
import { expect, test } from 'vitest';
import type { ClientAuthMethod } from '../../../src/auth/client-auth.ts';
import type { ClientLoginStep } from '../../../src/client/login.ts';
import type { Lookup } from '../../../src/client/secret-lookups.ts';
import { password } from '../../support/wire-messages.ts';
import { failure, messages, Visit } from './visit.ts';

class Desk implements Lookup {
  forgotten = 0;

  find(): never {
    throw new Error('the machine asks nobody: whoever drives it does');
  }

  forget(): void {
    this.forgotten += 1;
  }
}

function visit(method: ClientAuthMethod): { desk: Desk; login: Visit['login']; step: ClientLoginStep } {
  const desk = new Desk();
  const { login, ...rest } = new Visit({ admission: { ok: true, method, secret: null, lookup: desk } });
  const step = login.packet({ kind: 'startup', minor: 0, options: [], parameters: new Map([['user', 'ada']]) });
  expect(step).toEqual({ kind: 'ask', lookup: desk });
  expect(rest.asked).toHaveLength(1);
  return { desk, login, step };
}

const body = (text: string) => password(text).subarray(5);
const found = (secret: string | null, isKnown = true) => ({ ok: true, found: { isKnown, secret } }) as const;

test('goes on with the secret that was found', () => {
  const { desk, login } = visit('plain');
  const asked = login.asked(found('pencil'));
  expect(asked.kind === 'send' && messages(asked.bytes).map(({ type }) => type)).toEqual(['R']);
  expect(login.password(body('pencil')).kind).toBe('authenticated');
  expect(desk.forgotten).toBe(0);
});

test('that fails makes what was found be forgotten', () => {
  const { desk, login } = visit('plain');
  login.asked(found('pencil'));
  expect(failure(login.password(body('eraser')))).toBe('28P01: password authentication failed for user "ada"');
  expect(desk.forgotten).toBe(1);
});

test('of a user that was not found goes to the same end as that of one with a wrong password', () => {
  for (const answer of [found(null, false), found(null)]) {
    const { login } = visit('plain');
    expect(login.asked(answer).kind).toBe('send');
    expect(failure(login.password(body('pencil')))).toBe('28P01: password authentication failed for user "ada"');
  }
});

test('with trust needs a user that there is, and no secret', () => {
  expect(visit('trust').login.asked(found(null)).kind).toBe('authenticated');
  expect(failure(visit('trust').login.asked(found(null, false)))).toMatch(/^28P01/);
});

test('ends when nobody could be asked, and the reason is for the log', () => {
  const step = visit('scram-sha-256').login.asked({ ok: false, problem: 'the reason' });
  expect(step).toMatchObject({ kind: 'fail', detail: 'the reason', error: { code: 'auth_query_failed' } });
  expect(JSON.stringify((step as { error: unknown }).error)).not.toContain('the reason');
});

test('takes no password before the answer', () => {
  expect(failure(visit('plain').login.password(body('pencil')))).toMatch(/^08P01/);
});
