// Channel binding, on both sides: what is bound, who is refused, and what somebody between the two can't do.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type ClientAuth, createClientAuth } from '../../../src/auth/client-auth.ts';
import type { ClientAuthStep } from '../../../src/auth/client-auth-step.ts';
import { createServerAuth, type ServerAuth, type ServerAuthOptions } from '../../../src/auth/server-auth.ts';
import type { ServerAuthStep } from '../../../src/auth/server-auth-step.ts';
import { clientFinal, initialResponse, rfc7677, salted, verifier } from './scram-peer.ts';

const hash = createHash('sha256').update('our certificate').digest();
const otherHash = createHash('sha256').update('the certificate of somebody else').digest();
const nothing = Buffer.alloc(0);
const secret = verifier('pencil', rfc7677.salt, 64);
const plus = 'SCRAM-SHA-256-PLUS';
const flag = 'p=tls-server-end-point';
const bare = 'n=,r=abcdefgh';
const bothOffered = Buffer.from(`${plus}\0SCRAM-SHA-256\0\0`);

/** The c attribute as RFC 5802 section 7 has it: GS2 header, then the data, in base64. */
function bound(header: string, data: Buffer = nothing): string {
  return Buffer.concat([Buffer.from(header), data]).toString('base64');
}

describe('a client over TLS', () => {
  function start(endPointHash: Buffer | null = hash, stored: string | null = secret): ClientAuth {
    const auth = createClientAuth({ method: 'scram-sha-256', user: 'ada', secret: stored, endPointHash });
    auth.begin();
    return auth;
  }

  function first(auth: ClientAuth, header: string, mechanism: string): ClientAuthStep {
    return auth.next(initialResponse(`${header},,${bare}`, mechanism));
  }

  function final(auth: ClientAuth, step: ClientAuthStep, binding: string, password = 'pencil'): ClientAuthStep {
    if (step.kind !== 'request') throw new Error(`expected a request, got ${JSON.stringify(step)}`);
    return auth.next(Buffer.from(clientFinal(password, bare, step.data.toString(), { binding })));
  }

  it('is offered channel binding first, and only where there is a certificate to bind', () => {
    const offer = (endPointHash: Buffer | null) => {
      const step = createClientAuth({ method: 'scram-sha-256', user: 'ada', secret, endPointHash }).begin();
      return step.kind === 'request' ? step.data.toString() : step.kind;
    };
    expect(offer(hash)).toBe('SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0');
    expect(offer(null)).toBe('SCRAM-SHA-256\0\0');
  });

  it('comes in when it binds to our certificate', () => {
    const auth = start();
    const step = final(auth, first(auth, flag, plus), bound(`${flag},,`, hash));
    expect(step).toMatchObject({ kind: 'ok', last: { code: 12 }, keys: { iterations: 64 } });
  });

  it('comes in without binding when it never could', () => {
    const auth = start();
    expect(final(auth, first(auth, 'n', 'SCRAM-SHA-256'), 'biws').kind).toBe('ok');
  });

  it('is refused when it saw another certificate, whatever it knows', () => {
    for (const data of [otherHash, nothing, hash.subarray(0, 31), Buffer.concat([hash, Buffer.alloc(1)])]) {
      const auth = start();
      expect(final(auth, first(auth, flag, plus), bound(`${flag},,`, data))).toMatchObject({
        kind: 'fail',
        reason: 'channel_binding',
        told: { code: 'channel_binding_failed', message: 'SCRAM channel binding check failed' },
      });
    }
  });

  it('is refused as a downgrade when it could bind and did not see the offer', () => {
    expect(first(start(), 'y', 'SCRAM-SHA-256')).toMatchObject({
      reason: 'channel_binding',
      told: { code: 'channel_binding_failed', message: 'SCRAM channel binding negotiation error' },
    });
    const unbindable = start(null);
    expect(final(unbindable, first(unbindable, 'y', 'SCRAM-SHA-256'), 'eSws').kind).toBe('ok');
  });

  it('can not mix mechanism and flag', () => {
    const malformed = { reason: 'channel_binding', told: { message: 'malformed SCRAM message' } };
    expect(first(start(), 'n', plus)).toMatchObject(malformed);
    expect(first(start(), 'y', plus)).toMatchObject(malformed);
    expect(first(start(), flag, 'SCRAM-SHA-256')).toMatchObject(malformed);
    expect(first(start(null), flag, 'SCRAM-SHA-256')).toMatchObject(malformed);
    expect(first(start(null), flag, plus)).toMatchObject({ reason: 'mechanism' });
  });

  it('can bind nothing but the certificate, and is told so in print', () => {
    expect(first(start(), 'p=tls-unique', plus)).toMatchObject({
      told: { code: 'protocol_violation', message: 'unsupported SCRAM channel-binding type "tls-unique"' },
    });
    expect(first(start(), `p=${'x'.repeat(99)}`, plus)).toMatchObject({ told: { message: /"x{30}"$/ } });
    expect(first(start(), 'p=\x1b[31m', plus)).toMatchObject({ told: { message: /"\?\[31m"$/ } });
    expect(first(start(), 'p', plus)).toMatchObject({ reason: 'malformed' });
  });

  it('can not take its binding back, nor act as another user', () => {
    for (const binding of ['biws', 'eSws', bound(`${flag},,`), '']) {
      const auth = start();
      expect(final(auth, first(auth, flag, plus), binding), binding).toMatchObject({ reason: 'channel_binding' });
    }
    const auth = start();
    expect(final(auth, first(auth, 'n', 'SCRAM-SHA-256'), bound(`${flag},,`, hash))).toMatchObject({
      told: { message: 'unexpected SCRAM channel-binding attribute in client-final-message' },
    });
    expect(start().next(initialResponse(`${flag},a=root,${bare}`, plus))).toMatchObject({ reason: 'authzid' });
  });

  it('learns nothing about who exists', () => {
    const known = start();
    const stranger = start(hash, null);
    const wrong = final(known, first(known, flag, plus), bound(`${flag},,`, hash), 'eraser');
    const unknown = final(stranger, first(stranger, flag, plus), bound(`${flag},,`, hash));
    expect(wrong).toMatchObject({ kind: 'fail', reason: 'wrong_password' });
    expect(unknown).toMatchObject({ kind: 'fail', reason: 'no_secret' });
  });

  it('of another exchange is refused when its messages are replayed', () => {
    const recorded = start();
    const challenge = first(recorded, flag, plus);
    if (challenge.kind !== 'request') throw new Error('no challenge');
    const answer = clientFinal('pencil', bare, challenge.data.toString(), { binding: bound(`${flag},,`, hash) });
    expect(recorded.next(Buffer.from(answer)).kind).toBe('ok');
    const replayed = start();
    first(replayed, flag, plus);
    expect(replayed.next(Buffer.from(answer))).toMatchObject({ kind: 'fail', reason: 'nonce' });
  });
});

describe('our login to a Postgres over TLS', () => {
  const tls = { endPointHash: hash };

  function start(options: Partial<ServerAuthOptions>): ServerAuth {
    return createServerAuth({ user: 'ada', password: 'pencil', nonce: () => 'ournonce', ...options });
  }

  function choice(options: Partial<ServerAuthOptions>, offer = bothOffered): string {
    const step = start(options).next(10, offer);
    if (step.kind !== 'respond') return step.kind === 'fail' ? step.reason : step.kind;
    const body = step.body.toString('latin1');
    return `${body.slice(0, body.indexOf('\0'))} ${body.slice(body.indexOf('\0') + 5)}`;
  }

  it('binds where Postgres offers it', () => {
    expect(choice({ tls })).toBe(`${plus} ${flag},,n=,r=ournonce`);
    expect(choice({ tls, channelBinding: 'require' })).toBe(`${plus} ${flag},,n=,r=ournonce`);
    expect(choice({ tls }, Buffer.from(`${plus}\0\0`))).toBe(`${plus} ${flag},,n=,r=ournonce`);
  });

  it('says that it could have bound where it saw no offer, so that Postgres notices a downgrade', () => {
    expect(choice({ tls }, Buffer.from('SCRAM-SHA-256\0\0'))).toBe('SCRAM-SHA-256 y,,n=,r=ournonce');
  });

  it('does not bind where it is told not to, or has no hash to bind', () => {
    expect(choice({ tls, channelBinding: 'disable' })).toBe('SCRAM-SHA-256 n,,n=,r=ournonce');
    expect(choice({ tls: { endPointHash: null } })).toBe('SCRAM-SHA-256 n,,n=,r=ournonce');
    expect(choice({}, Buffer.from('SCRAM-SHA-256\0\0'))).toBe('SCRAM-SHA-256 n,,n=,r=ournonce');
  });

  it('trusts no offer of channel binding on a connection without TLS', () => {
    for (const channelBinding of ['disable', 'prefer', 'require'] as const) {
      expect(choice({ channelBinding })).toBe('channel_binding');
    }
  });

  it('goes no other way when channel binding is required', () => {
    const required = { channelBinding: 'require' } as const;
    const withoutPlus = Buffer.from('SCRAM-SHA-256\0\0');
    for (const [options, offer, why] of [
      [{ ...required, tls }, withoutPlus, 'does not offer'],
      [{ ...required, tls: { endPointHash: null } }, bothOffered, 'signature hash'],
      [required, withoutPlus, 'no TLS'],
    ] as const) {
      const step = start(options).next(10, offer);
      expect(step).toMatchObject({ reason: 'channel_binding', detail: expect.stringContaining(why) });
    }
    for (const [code, data] of [
      [0, nothing],
      [3, nothing],
      [5, Buffer.alloc(4)],
    ] as const) {
      expect(start({ ...required, tls }).next(code, data), `${code}`).toMatchObject({ reason: 'channel_binding' });
    }
  });

  /** Our login against a Postgres that is played by our other machine, which shows `shown` for its certificate. */
  function exchange(options: Partial<ServerAuthOptions>, shown: Buffer | null, strip = false): string {
    const ours = start(options);
    const postgres = createClientAuth({ method: 'scram-sha-256', user: 'ada', secret, endPointHash: shown });
    let asked = postgres.begin();
    for (let turn = 0; turn < 4; turn++) {
      if (asked.kind === 'fail') return `Postgres: ${asked.told?.message ?? asked.reason}`;
      if (asked.kind === 'derive') throw new Error('Postgres has a verifier');
      const message: { code: number; data: Buffer } = asked.kind === 'ok' ? asked.last! : asked;
      const data = strip && turn === 0 ? Buffer.from('SCRAM-SHA-256\0\0') : message.data;
      let answer: ServerAuthStep = ours.next(message.code, data);
      if (answer.kind === 'derive') answer = ours.derived(salted(answer.password, answer.salt, answer.iterations));
      if (answer.kind === 'fail') return `we: ${answer.reason}`;
      if (asked.kind === 'ok') return ours.next(0, nothing).kind;
      if (answer.kind !== 'respond') throw new Error(`unexpected ${answer.kind}`);
      asked = postgres.next(answer.body);
    }
    return 'no end';
  }

  it('succeeds when both see the same certificate', () => {
    expect(exchange({ tls, channelBinding: 'require' }, hash)).toBe('ok');
  });

  it('fails when somebody sits between with a certificate of his own', () => {
    expect(exchange({ tls }, otherHash)).toBe('Postgres: SCRAM channel binding check failed');
  });

  it('fails when somebody takes the offer out', () => {
    expect(exchange({ tls }, hash, true)).toBe('Postgres: SCRAM channel binding negotiation error');
    expect(exchange({ tls, channelBinding: 'require' }, hash, true)).toBe('we: channel_binding');
  });
});
