// A client that is asked for its password: with each method, the right one, a wrong one, and what is none.
import { describe, expect, it } from 'vitest';
import type { Admission } from '../../../src/client/login.ts';
import { backend } from '../../support/wire-backend.ts';
import { cstring, startup } from '../../support/wire-messages.ts';
import { clientFinal, initialResponse, salted, verifier } from '../auth/scram-peer.ts';
import { failure, messages, Visit } from './visit.ts';

describe('who is asked for a password', () => {
  const plain: Admission = { ok: true, method: 'plain', secret: 'pencil' };

  it('comes in with the right one, and nobody learns more from a wrong one than that', () => {
    const visit = new Visit({ admission: plain });
    expect(visit.packet(startup({ user: 'ada' }))).toEqual({ kind: 'send', bytes: backend.authenticationCleartext() });
    expect(visit.login.password(cstring('pencil'))).toMatchObject({
      kind: 'authenticated',
      password: 'pencil',
      keys: null,
    });
    for (const secret of ['other', null]) {
      const other = new Visit({ admission: { ok: true, method: 'plain', secret } });
      other.packet(startup({ user: 'ada' }));
      const step = other.login.password(cstring('pencil'));
      expect(failure(step)).toBe('28P01: password authentication failed for user "ada"');
      expect(step).toMatchObject({ detail: expect.stringMatching(/^(wrong_password|no_secret): /) });
    }
  });

  it('may prove it by SCRAM, and the keys for Postgres are what remains', () => {
    const stored = verifier('pencil', 'W22ZaJ0SNY7soEsUEjb6gQ==', 64);
    const visit = new Visit({ admission: { ok: true, method: 'scram-sha-256', secret: stored } });
    const request = visit.packet(startup({ user: 'ada' }));
    expect(request).toEqual({ kind: 'send', bytes: backend.authenticationSasl('SCRAM-SHA-256') });
    const challenge = visit.login.password(initialResponse('n,,n=,r=theirs'));
    if (challenge.kind !== 'send') throw new Error(challenge.kind);
    const serverFirst = challenge.bytes.subarray(9).toString();
    const proof = clientFinal('pencil', 'n=,r=theirs', serverFirst);
    const step = visit.login.password(Buffer.from(proof));
    if (step.kind !== 'authenticated') throw new Error(step.kind);
    expect(messages(step.bytes)).toMatchObject([{ authType: 12 }, { authType: 0 }]);
    expect([step.keys === null, step.password]).toEqual([false, null]);
  });

  it('is asked to wait while a key is derived', () => {
    const visit = new Visit({ admission: { ok: true, method: 'scram-sha-256', secret: 'pencil' } });
    visit.packet(startup({ user: 'ada' }));
    const challenge = visit.login.password(initialResponse('n,,n=,r=theirs'));
    if (challenge.kind !== 'send') throw new Error(challenge.kind);
    const proof = clientFinal('pencil', 'n=,r=theirs', challenge.bytes.subarray(9).toString());
    const step = visit.login.password(Buffer.from(proof));
    if (step.kind !== 'derive') throw new Error(step.kind);
    expect(visit.login.derived(salted(step.password, step.salt, step.iterations)).kind).toBe('authenticated');
  });

  it('and sends something that is none, or too early, breaks the protocol', () => {
    const visit = new Visit({ admission: plain });
    expect(failure(visit.login.password(cstring('pencil')))).toBe('08P01: unexpected password message');
    visit.packet(startup({ user: 'ada' }));
    expect(failure(visit.login.password(Buffer.from('no zero byte')))).toBe('08P01: invalid authentication message');
    expect(failure(visit.login.password(cstring('pencil')))).toBe('08P01: invalid authentication message');
  });
});
