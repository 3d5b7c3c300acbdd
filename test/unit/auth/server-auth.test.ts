// Logging in to a Postgres, and to something that only says it is one.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createClientAuth } from '../../../src/auth/client-auth.ts';
import { createServerAuth, type ServerAuth, type ServerAuthOptions } from '../../../src/auth/server-auth.ts';
import type { ServerAuthReason, ServerAuthStep } from '../../../src/auth/server-auth-step.ts';
import { salted, serverFinal, verifier } from './scram-peer.ts';

const nothing = Buffer.alloc(0);
const salt = 'W22ZaJ0SNY7soEsUEjb6gQ==';
const offer = Buffer.from('SCRAM-SHA-256\0\0');

function start(options: Partial<ServerAuthOptions> = {}): ServerAuth {
  return createServerAuth({ user: 'ada', password: 'pencil', nonce: () => 'ournonce', ...options });
}

function reasonOf(step: ServerAuthStep): ServerAuthReason | 'none' {
  return step.kind === 'fail' ? step.reason : 'none';
}

function bodyOf(step: ServerAuthStep): Buffer {
  if (step.kind !== 'respond') throw new Error(`expected a response, got ${JSON.stringify(step)}`);
  return step.body;
}

function derive(auth: ServerAuth, step: ServerAuthStep): ServerAuthStep {
  return step.kind === 'derive' ? auth.derived(salted(step.password, step.salt, step.iterations)) : step;
}

/** The answer to a server-first-message. */
function offered(text: string, options: Partial<ServerAuthOptions> = {}): { auth: ServerAuth; step: ServerAuthStep } {
  const auth = start(options);
  bodyOf(auth.next(10, offer));
  return { auth, step: auth.next(11, Buffer.from(text)) };
}

/** All but the last message of a good exchange, and the right last one. */
function nearlyDone(): { auth: ServerAuth; good: string } {
  const serverFirst = `r=ournonceANDTHEIRS,s=${salt},i=64`;
  const { auth, step } = offered(serverFirst);
  const final = bodyOf(derive(auth, step)).toString();
  return { auth, good: serverFinal('pencil', 'n=,r=ournonce', serverFirst, final) };
}

describe('without SASL', () => {
  it('is in when Postgres asks nothing', () => {
    expect(start({ password: null }).next(0, nothing)).toEqual({ kind: 'ok' });
  });

  it('sends the password when asked for it', () => {
    const auth = start();
    expect(bodyOf(auth.next(3, nothing)).toString()).toBe('pencil\0');
    expect(auth.next(0, nothing)).toEqual({ kind: 'ok' });
  });

  it('answers md5 from a password and from a stored hash', () => {
    const inner = createHash('md5').update('pencilada').digest('hex');
    const moment = Buffer.from([9, 8, 7, 6]);
    const expected = `md5${createHash('md5').update(inner).update(moment).digest('hex')}\0`;
    expect(bodyOf(start().next(5, moment)).toString()).toBe(expected);
    expect(bodyOf(start({ password: null, md5: `md5${inner}` }).next(5, moment)).toString()).toBe(expected);
  });

  it('names the method that it has no password for', () => {
    for (const [code, data, name] of [
      [3, nothing, 'cleartext'],
      [5, Buffer.alloc(4), 'md5'],
      [10, offer, 'SCRAM-SHA-256'],
    ] as const) {
      for (const password of [null, '']) {
        const step = start({ password }).next(code, data);
        expect(step).toMatchObject({ kind: 'fail', reason: 'no_password', detail: expect.stringContaining(name) });
      }
    }
    expect(reasonOf(start({ password: null, md5: `md5${'0'.repeat(32)}` }).next(3, nothing))).toBe('no_password');
    expect(reasonOf(start({ password: null, md5: `md5${'0'.repeat(32)}` }).next(10, offer))).toBe('no_password');
  });

  it('names the method that it does not speak', () => {
    for (const [code, name] of [
      [2, 'Kerberos'],
      [6, 'SCM'],
      [7, 'GSSAPI'],
      [9, 'SSPI'],
      [-1, '-1'],
      [99, '99'],
    ] as const) {
      const step = start().next(code, nothing);
      expect(step).toMatchObject({ kind: 'fail', reason: 'unsupported_method', detail: expect.stringContaining(name) });
    }
    const bearer = start().next(10, Buffer.from('OAUTHBEARER\0SCRAM-SHA-512\0\0'));
    expect(bearer).toMatchObject({ reason: 'unsupported_method', detail: expect.stringContaining('OAUTHBEARER') });
  });

  it('refuses messages of a wrong length', () => {
    for (const [code, data] of [
      [0, Buffer.alloc(1)],
      [3, Buffer.alloc(1)],
      [5, Buffer.alloc(3)],
      [5, Buffer.alloc(5)],
      [10, nothing],
      [10, Buffer.from('SCRAM-SHA-256')],
      [10, Buffer.from('SCRAM-SHA-256\0')],
    ] as const) {
      expect(reasonOf(start().next(code, data)), `${code}`).toBe('malformed');
    }
  });

  it('answers once: a second request gets nothing', () => {
    for (const code of [3, 5, 10, 7]) {
      const auth = start();
      auth.next(3, nothing);
      expect(reasonOf(auth.next(code, code === 5 ? Buffer.alloc(4) : offer))).toBe('out_of_order');
      expect(reasonOf(auth.next(0, nothing))).toBe('out_of_order');
    }
  });

  it('does not send a password with a zero byte, which would be cut short', () => {
    expect(reasonOf(start({ password: 'pen\0cil' }).next(3, nothing))).toBe('no_password');
  });
});

describe('SCRAM', () => {
  it('selects the mechanism without channel binding and leaves the name empty', () => {
    expect(bodyOf(start().next(10, offer)).toString('latin1')).toBe('SCRAM-SHA-256\0\0\0\0\x10n,,n=,r=ournonce');
  });

  it('is in once Postgres has proved itself', () => {
    const { auth, good } = nearlyDone();
    expect(auth.next(12, Buffer.from(good))).toEqual({ kind: 'wait' });
    expect(auth.next(0, nothing)).toEqual({ kind: 'ok' });
    expect(reasonOf(auth.next(0, nothing))).toBe('out_of_order');
  });

  it('refuses to be let in by a server that has not proved itself, at any moment', () => {
    expect(reasonOf(nearlyDone().auth.next(0, nothing))).toBe('server_signature');
    expect(reasonOf(offered(`r=ournonceX,s=${salt},i=64`).auth.next(0, nothing))).toBe('out_of_order');
    const early = start();
    early.next(10, offer);
    expect(reasonOf(early.next(0, nothing))).toBe('server_signature');
  });

  it('refuses a wrong signature', () => {
    const wrong = `v=${Buffer.alloc(32).toString('base64')}`;
    expect(reasonOf(nearlyDone().auth.next(12, Buffer.from(wrong)))).toBe('server_signature');
  });

  it('refuses a signature that is no signature', () => {
    for (const text of ['', 'v=', 'v=AAAA', 'x=1', 'v', `${nearlyDone().good},x=1`, `${nearlyDone().good}\0`]) {
      expect(reasonOf(nearlyDone().auth.next(12, Buffer.from(text))), text).toBe('malformed');
    }
  });

  it('passes on the error word of a server, made fit for a log', () => {
    const step = nearlyDone().auth.next(12, Buffer.from('e=invalid-proof\n\x1b[31m'));
    expect(step).toMatchObject({ reason: 'rejected', detail: expect.stringMatching(/invalid-proof\?\?\[31m$/) });
  });

  it('refuses iteration counts that are absurd or no numbers', () => {
    for (const count of [
      '0',
      '-1',
      '-4096',
      '1000001',
      '2147483648',
      '99999999999999999999',
      'NaN',
      'Infinity',
      '',
      '4e3',
      '0x10',
      ' 1',
      '1 ',
    ]) {
      expect(reasonOf(offered(`r=ournonceX,s=${salt},i=${count}`).step), count).toBe('iterations');
    }
    expect(offered(`r=ournonceX,s=${salt},i=1000000`).step).toMatchObject({ kind: 'derive', iterations: 1_000_000 });
    expect(offered(`r=ournonceX,s=${salt},i=1`).step).toMatchObject({ kind: 'derive', iterations: 1 });
  });

  it('refuses a nonce that does not extend its own', () => {
    for (const nonce of [
      '',
      'our',
      'ournonce',
      'OURNONCEX',
      'Xournonce',
      'ournonce x',
      `ournonce${'x'.repeat(1017)}`,
    ]) {
      expect(['nonce', 'malformed'], nonce).toContain(reasonOf(offered(`r=${nonce},s=${salt},i=64`).step));
    }
    expect(reasonOf(offered(`r=our,s=${salt},i=64`).step)).toBe('nonce');
    expect(reasonOf(offered(`r=ournonce,s=${salt},i=64`).step)).toBe('nonce');
  });

  it('refuses a server-first-message that is not well formed', () => {
    for (const text of [
      '',
      'r',
      `s=${salt},r=ournonceX,i=64`,
      'r=ournonceX,i=64',
      'r=ournonceX,s=,i=64',
      'r=ournonceX,s=*,i=64',
      `r=ournonceX,s=${Buffer.alloc(257).toString('base64')},i=64`,
      `r=ournonceX,s=${salt}`,
      `r=ournonceX,s=${salt},i=64,`,
      `r=ournonceX,s=${salt},i=64,x=1`,
      `m=1,r=ournonceX,s=${salt},i=64`,
    ]) {
      expect(reasonOf(offered(text).step), text).toBe('malformed');
    }
  });

  it('refuses messages that come before their time or twice, and any other method in the middle', () => {
    expect(reasonOf(start().next(11, nothing))).toBe('out_of_order');
    expect(reasonOf(start().next(12, nothing))).toBe('out_of_order');
    for (const code of [3, 5, 7, 10, 12]) {
      const auth = start();
      auth.next(10, offer);
      expect(reasonOf(auth.next(code, nothing)), `${code}`).toBe('out_of_order');
    }
    for (const code of [3, 10, 11])
      expect(reasonOf(nearlyDone().auth.next(code, nothing)), `${code}`).toBe('out_of_order');
    const { auth, good } = nearlyDone();
    auth.next(12, Buffer.from(good));
    expect(reasonOf(auth.next(12, Buffer.from(good)))).toBe('out_of_order');
  });

  it('waits for its key: no message is taken meanwhile, and no key when none was asked for', () => {
    const { auth } = offered(`r=ournonceX,s=${salt},i=64`);
    expect(reasonOf(auth.next(11, nothing))).toBe('out_of_order');
    expect(reasonOf(start().derived(Buffer.alloc(32)))).toBe('out_of_order');
  });
});

describe('SCRAM keys of a client', () => {
  /** Drives a login of `server` against a Postgres that stores `secret`, played by our own other machine. */
  function exchange(server: ServerAuth, secret: string): { last: ServerAuthStep; derivations: number } {
    const postgres = createClientAuth({ method: 'scram-sha-256', user: 'ada', secret });
    let derivations = 0;
    let asked = postgres.begin();
    for (let turn = 0; turn < 5; turn++) {
      if (asked.kind === 'ok') {
        server.next(asked.last!.code, asked.last!.data);
        return { last: server.next(0, nothing), derivations };
      }
      if (asked.kind !== 'request') throw new Error(`Postgres said no: ${JSON.stringify(asked)}`);
      const step = server.next(asked.code, asked.data);
      if (step.kind === 'derive') derivations++;
      const answer = derive(server, step);
      if (answer.kind === 'fail') return { last: answer, derivations };
      asked = postgres.next(bodyOf(answer));
    }
    throw new Error('the exchange does not end');
  }

  /** What our client machine learns from a client that logs in with a password. */
  function learn(secret: string) {
    const clients = createClientAuth({ method: 'scram-sha-256', user: 'ada', secret });
    const application = createServerAuth({ user: 'ada', password: 'pencil' });
    let step = clients.begin();
    while (step.kind === 'request')
      step = clients.next(bodyOf(derive(application, application.next(step.code, step.data))));
    if (step.kind !== 'ok' || !step.keys) throw new Error('no keys');
    return step.keys;
  }

  const secret = verifier('pencil', salt, 64);

  it('log in to a Postgres that stores the same secret, without a password and without deriving', () => {
    const server = createServerAuth({ user: 'ada', password: null, scramKeys: learn(secret) });
    expect(exchange(server, secret)).toEqual({ last: { kind: 'ok' }, derivations: 0 });
  });

  it('fail with a reason where the secret differs', () => {
    const server = createServerAuth({ user: 'ada', password: null, scramKeys: learn(secret) });
    expect(reasonOf(exchange(server, verifier('pencil', salt, 65)).last)).toBe('secret_differs');
    const other = createServerAuth({ user: 'ada', password: null, scramKeys: learn(secret) });
    expect(reasonOf(exchange(other, verifier('pencil', 'AAAAaJ0SNY7soEsUEjb6gQ==', 64)).last)).toBe('secret_differs');
  });

  it('give way to the password where they do not fit', () => {
    const server = createServerAuth({ user: 'ada', password: 'pencil', scramKeys: learn(secret) });
    expect(exchange(server, verifier('pencil', salt, 65))).toEqual({ last: { kind: 'ok' }, derivations: 1 });
  });
});
