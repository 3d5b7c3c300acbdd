// Clients that log in: those who may, those who may not, and what each of them gets to see.
import { createHash, createSecretKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type ClientAuth, type ClientAuthOptions, createClientAuth } from '../../../src/auth/client-auth.ts';
import {
  type ClientAuthStep,
  type ClientFailReason,
  isClientProtocolViolation,
} from '../../../src/auth/client-auth-step.ts';
import { clientFinal, initialResponse, rfc7677, salted, verifier } from './scram-peer.ts';

const pencilSecret = verifier('pencil', rfc7677.salt, 64);
const bare = 'n=,r=abcdefgh';

function start(options: Partial<ClientAuthOptions> = {}): ClientAuth {
  return createClientAuth({
    method: 'scram-sha-256',
    user: 'ada',
    secret: pencilSecret,
    scramIterations: 64,
    ...options,
  });
}

function requested(step: ClientAuthStep, code: number): Buffer {
  if (step.kind !== 'request') throw new Error(`expected a request, got ${JSON.stringify(step)}`);
  expect(step.code).toBe(code);
  return step.data;
}

function reasonOf(step: ClientAuthStep): ClientFailReason | 'none' {
  return step.kind === 'fail' ? step.reason : 'none';
}

function derive(auth: ClientAuth, step: ClientAuthStep): ClientAuthStep {
  return step.kind === 'derive' ? auth.derived(salted(step.password, step.salt, step.iterations)) : step;
}

/** Up to the server-first-message. */
function challenge(auth: ClientAuth, clientFirst = `n,,${bare}`): string {
  requested(auth.begin(), 10);
  return requested(auth.next(initialResponse(clientFirst)), 11).toString();
}

function login(options: Partial<ClientAuthOptions>, password: string): { step: ClientAuthStep; serverFirst: string } {
  const auth = start(options);
  const serverFirst = challenge(auth);
  const step = derive(auth, auth.next(Buffer.from(clientFinal(password, bare, serverFirst))));
  return { step, serverFirst };
}

function passwordMessage(text: string): Buffer {
  return Buffer.from(`${text}\0`);
}

describe('SCRAM-SHA-256', () => {
  it('goes through the exchange of RFC 7677', () => {
    const secret = verifier(rfc7677.password, rfc7677.salt, rfc7677.iterations);
    const auth = start({ secret, nonce: () => rfc7677.serverNonce });
    expect(requested(auth.begin(), 10).toString()).toBe('SCRAM-SHA-256\0\0');
    expect(requested(auth.next(initialResponse(rfc7677.clientFirst)), 11).toString()).toBe(rfc7677.serverFirst);
    const end = auth.next(Buffer.from(rfc7677.clientFinal));
    expect(end).toMatchObject({ kind: 'ok', last: { code: 12, data: Buffer.from(rfc7677.serverFinal) } });
  });

  it('recovers the keys of the client, with the salt and the count they belong to', () => {
    const { step } = login({}, 'pencil');
    expect(step).toMatchObject({ keys: { salt: Buffer.from(rfc7677.salt, 'base64'), iterations: 64 } });
    const stored = pencilSecret.split('$')[2]!.split(':');
    const keys = step.kind === 'ok' ? step.keys : undefined;
    expect(createHash('sha256').update(keys!.clientKey).digest('base64')).toBe(stored[0]);
    expect(keys!.serverKey.toString('base64')).toBe(stored[1]);
  });

  it('checks a password that is stored plainly, through the derivation that the caller runs', () => {
    const good = login({ secret: 'pencil' }, 'pencil').step;
    expect(good).toMatchObject({ kind: 'ok', last: { code: 12 } });
    expect(good).not.toHaveProperty('keys');
    expect(reasonOf(login({ secret: 'pencil' }, 'eraser').step)).toBe('wrong_password');
  });

  it('offers 4096 iterations by default for a plain password', () => {
    const auth = createClientAuth({ method: 'scram-sha-256', user: 'ada', secret: 'pencil' });
    expect(challenge(auth)).toMatch(/,i=4096$/);
  });

  it('refuses a wrong password', () => {
    expect(reasonOf(login({}, 'eraser').step)).toBe('wrong_password');
  });

  it('plays an exchange to its end with a user without a secret, and with one that has an unfit secret', () => {
    expect(reasonOf(login({ secret: null }, 'pencil').step)).toBe('no_secret');
    expect(reasonOf(login({ secret: `md5${'0'.repeat(32)}` }, 'pencil').step)).toBe('secret_kind');
    expect(reasonOf(login({ secret: 'SCRAM-SHA-256$broken' }, 'pencil').step)).toBe('secret_kind');
    expect(reasonOf(login({ secret: '' }, '').step)).toBe('secret_kind');
  });

  it('shows a stranger the same kind of salt as a user, the same one each time, another for each name', () => {
    const saltOf = (options: Partial<ClientAuthOptions>) =>
      /s=([^,]*),i=64$/.exec(login(options, 'x').serverFirst)![1]!;
    const stranger = saltOf({ secret: null });
    expect(Buffer.from(stranger, 'base64')).toHaveLength(16);
    expect(saltOf({ secret: null })).toBe(stranger);
    expect(saltOf({ secret: 'pencil' })).toBe(stranger);
    expect(saltOf({ secret: null, user: 'bob' })).not.toBe(stranger);
    expect(saltOf({ secret: null, saltKey: createSecretKey(Buffer.alloc(32)) })).not.toBe(stranger);
  });

  it('extends the nonce differently each time', () => {
    const nonces = [1, 2, 3].map(() => challenge(start()));
    expect(new Set(nonces).size).toBe(3);
    for (const first of nonces) expect(first).toMatch(/^r=abcdefgh[A-Za-z0-9+/]{24},s=/);
  });

  it('does not mind a client that could bind the channel, nor one that names somebody else or sends extensions', () => {
    for (const [flag, binding, first] of [
      ['y', 'eSws', bare],
      ['n', 'biws', 'n=somebody=2Celse,r=abcdefgh'],
      ['n', 'biws', 'n=\u00fcn\u00efcode,r=abcdefgh'],
      ['n', 'biws', `${bare},x=1,y=2`],
    ] as const) {
      const auth = start();
      const serverFirst = challenge(auth, `${flag},,${first}`);
      const final = clientFinal('pencil', first, serverFirst, { binding, before: ',x=later' });
      expect(auth.next(Buffer.from(final)).kind).toBe('ok');
    }
  });
});

describe('a client-first-message', () => {
  const refused: [string, Buffer, ClientFailReason][] = [
    ['nothing', Buffer.alloc(0), 'malformed'],
    ['no end of the mechanism', Buffer.from('SCRAM-SHA-256'), 'malformed'],
    ['no length', Buffer.from('SCRAM-SHA-256\0\0\0'), 'malformed'],
    ['a length of -1', initialResponse('', undefined, -1), 'malformed'],
    ['a length beyond the message', initialResponse(`n,,${bare}`, undefined, 1000), 'malformed'],
    ['a length of 2^31-1', initialResponse(`n,,${bare}`, undefined, 2 ** 31 - 1), 'malformed'],
    ['a length short of the message', initialResponse(`n,,${bare}`, undefined, 3), 'malformed'],
    ['the mechanism that was not offered', initialResponse(`n,,${bare}`, 'SCRAM-SHA-256-PLUS'), 'mechanism'],
    ['an unknown mechanism', initialResponse('', 'PLAIN'), 'mechanism'],
    ['a required channel binding', initialResponse(`p=tls-server-end-point,,${bare}`), 'channel_binding'],
    ['an unknown flag', initialResponse(`x,,${bare}`), 'malformed'],
    ['another identity', initialResponse(`n,a=postgres,${bare}`), 'authzid'],
    ['a mandatory extension', initialResponse('n,,m=1,n=,r=abcdefgh'), 'extension'],
    ['no name', initialResponse('n,,r=abcdefgh'), 'malformed'],
    ['no nonce', initialResponse('n,,n='), 'malformed'],
    ['an empty nonce', initialResponse('n,,n=,r='), 'malformed'],
    ['a nonce with a blank', initialResponse('n,,n=,r=abc def'), 'malformed'],
    ['a nonce of 1025 characters', initialResponse(`n,,n=,r=${'a'.repeat(1025)}`), 'malformed'],
    ['a name of 1025 characters', initialResponse(`n,,n=${'a'.repeat(1025)},r=abc`), 'malformed'],
    ['a comma at the end', initialResponse(`n,,${bare},`), 'malformed'],
    ['a zero byte', initialResponse('n,,n=a\0b,r=abcdefgh'), 'malformed'],
    ['a startup packet', Buffer.from('\0\x03\0\0user\0postgres\0database\0admin\0\0', 'latin1'), 'mechanism'],
    ['garbage', initialResponse('\xff\xfe\xfd'), 'malformed'],
  ];
  it.each(refused)('with %s is refused', (_, body, reason) => {
    const auth = start();
    auth.begin();
    expect(reasonOf(auth.next(body))).toBe(reason);
    expect(reasonOf(auth.next(initialResponse(`n,,${bare}`)))).toBe('out_of_order');
  });

  it('with a nonce of 1024 characters is answered', () => {
    expect(challenge(start(), `n,,n=,r=${'a'.repeat(1024)}`)).toContain('a'.repeat(1024));
  });
});

describe('a client-final-message', () => {
  const proof = `p=${Buffer.alloc(32).toString('base64')}`;
  const refused: [string, (nonce: string, good: string) => string, ClientFailReason][] = [
    ['nothing in it', () => '', 'malformed'],
    ['no nonce', () => `c=biws,${proof}`, 'malformed'],
    ['no proof', (nonce) => `c=biws,r=${nonce}`, 'malformed'],
    ['no channel binding', (nonce) => `r=${nonce},${proof}`, 'malformed'],
    ['only a proof', () => proof, 'malformed'],
    ['an empty proof', (nonce) => `c=biws,r=${nonce},p=`, 'malformed'],
    ['a proof of 31 bytes', (nonce) => `c=biws,r=${nonce},p=${Buffer.alloc(31).toString('base64')}`, 'malformed'],
    ['a proof that is not base64', (nonce) => `c=biws,r=${nonce},p=${'*'.repeat(44)}`, 'malformed'],
    ['something behind the proof', (_, good) => `${good},x=1`, 'malformed'],
    ['a line end behind the proof', (_, good) => `${good}\n`, 'malformed'],
    ['a zero byte behind the proof', (_, good) => `${good}\0`, 'malformed'],
    ['the half of the nonce that it made itself', () => `c=biws,r=abcdefgh,${proof}`, 'nonce'],
    ['an empty nonce', () => `c=biws,r=,${proof}`, 'nonce'],
    ['a longer nonce', (nonce) => `c=biws,r=${nonce}a,${proof}`, 'nonce'],
    ['the other channel binding flag', (nonce) => `c=eSws,r=${nonce},${proof}`, 'channel_binding'],
    ['an empty channel binding', (nonce) => `c=,r=${nonce},${proof}`, 'channel_binding'],
    ['a mandatory extension', (nonce) => `c=biws,r=${nonce},m=1,${proof}`, 'extension'],
    ['a proof of zeros', (nonce) => `c=biws,r=${nonce},${proof}`, 'wrong_password'],
  ];
  for (const [kind, secret] of [
    ['somebody we know', pencilSecret],
    ['a stranger', null],
  ] as const) {
    it.each(refused)(`of ${kind} with %s is refused`, (_, make, reason) => {
      const auth = start({ secret });
      const serverFirst = challenge(auth);
      const nonce = /^r=([^,]*)/.exec(serverFirst)![1]!;
      const step = auth.next(Buffer.from(make(nonce, clientFinal('pencil', bare, serverFirst))));
      expect(reasonOf(step)).toBe(secret === null && reason === 'wrong_password' ? 'no_secret' : reason);
    });
  }

  it('of another exchange is refused', () => {
    const recorded = clientFinal('pencil', bare, challenge(start()));
    const auth = start();
    challenge(auth);
    expect(reasonOf(auth.next(Buffer.from(recorded)))).toBe('nonce');
  });
});

describe('method plain', () => {
  const ask = (secret: string | null, body: Buffer, user = 'ada') => {
    const auth = start({ method: 'plain', secret, user });
    expect(requested(auth.begin(), 3)).toHaveLength(0);
    return derive(auth, auth.next(body));
  };

  it('compares with every kind of secret and hands the password on', () => {
    const md5 = `md5${createHash('md5').update('pencilada').digest('hex')}`;
    for (const secret of ['pencil', md5, pencilSecret]) {
      expect(ask(secret, passwordMessage('pencil'))).toEqual({ kind: 'ok', password: 'pencil' });
      expect(reasonOf(ask(secret, passwordMessage('pencils')))).toBe('wrong_password');
    }
    expect(reasonOf(ask(md5, passwordMessage('pencil'), 'bob'))).toBe('wrong_password');
  });

  it('refuses to take a stored hash for the password', () => {
    const md5 = `md5${createHash('md5').update('pencilada').digest('hex')}`;
    for (const secret of [md5, pencilSecret])
      expect(reasonOf(ask(secret, passwordMessage(secret)))).toBe('wrong_password');
    expect(reasonOf(ask('SCRAM-SHA-256$broken', passwordMessage('SCRAM-SHA-256$broken')))).toBe('secret_kind');
  });

  it('refuses strangers, empty passwords and bodies that are no password', () => {
    expect(reasonOf(ask(null, passwordMessage('pencil')))).toBe('no_secret');
    expect(reasonOf(ask('pencil', passwordMessage('')))).toBe('empty_password');
    expect(reasonOf(ask('', passwordMessage('')))).toBe('empty_password');
    expect(reasonOf(ask('pencil', Buffer.from('pencil')))).toBe('malformed');
    expect(reasonOf(ask('pencil', Buffer.from('pencil\0\0')))).toBe('malformed');
    expect(reasonOf(ask('pencil', Buffer.alloc(0)))).toBe('malformed');
    expect(reasonOf(ask('pencil', Buffer.from([0xff, 0])))).toBe('wrong_password');
  });
});

describe('method md5', () => {
  const moment = Buffer.from([1, 2, 3, 4]);
  const md5 = (...parts: (string | Buffer)[]) => {
    const hash = createHash('md5');
    for (const part of parts) hash.update(part);
    return hash.digest('hex');
  };
  const ask = (secret: string | null, answer: string) => {
    const auth = start({ method: 'md5', secret, randomBytes: () => moment });
    expect(requested(auth.begin(), 5)).toEqual(moment);
    return auth.next(passwordMessage(answer));
  };
  const answer = `md5${md5(md5('pencilada'), moment)}`;

  it('accepts the digest of a password and of an md5 hash', () => {
    expect(ask('pencil', answer)).toEqual({ kind: 'ok' });
    expect(ask(`md5${md5('pencilada')}`, answer)).toEqual({ kind: 'ok' });
  });

  it('refuses anything else', () => {
    expect(reasonOf(ask('eraser', answer))).toBe('wrong_password');
    expect(reasonOf(ask(`md5${md5('pencilada')}`, `md5${md5('pencilada')}`))).toBe('wrong_password');
    expect(reasonOf(ask('pencil', 'pencil'))).toBe('wrong_password');
    expect(reasonOf(ask(null, answer))).toBe('no_secret');
  });

  it('draws a new salt for each login', () => {
    const salts = [1, 2, 3, 4].map(() =>
      requested(start({ method: 'md5', secret: 'pencil' }).begin(), 5).toString('hex'),
    );
    expect(new Set(salts).size).toBeGreaterThan(1);
  });

  it('does SCRAM by itself where the secret is a SCRAM verifier', () => {
    expect(login({ method: 'md5' }, 'pencil').step.kind).toBe('ok');
  });

  it('asks strangers what it is told to ask them', () => {
    const step = login({ method: 'md5', secret: null, strangersGet: 'scram-sha-256' }, 'pencil').step;
    expect(reasonOf(step)).toBe('no_secret');
  });
});

describe('the order of calls', () => {
  it('lets everybody in at once under trust and any', () => {
    for (const method of ['trust', 'any'] as const)
      expect(start({ method, secret: null }).begin()).toEqual({ kind: 'ok' });
  });

  it('answers any call that was not asked for, and any after the end, with out_of_order', () => {
    for (const method of ['trust', 'any', 'plain', 'md5', 'scram-sha-256'] as const) {
      expect(reasonOf(start({ method }).next(passwordMessage('pencil')))).toBe('out_of_order');
      expect(reasonOf(start({ method }).derived(Buffer.alloc(32)))).toBe('out_of_order');
      const twice = start({ method });
      twice.begin();
      expect(reasonOf(twice.begin())).toBe('out_of_order');
      expect(reasonOf(twice.next(passwordMessage('pencil')))).toBe('out_of_order');
    }
  });

  it('takes no message while a key is derived, nor a key then', () => {
    const auth = start({ secret: 'pencil' });
    const final = Buffer.from(clientFinal('pencil', bare, challenge(auth)));
    expect(auth.next(final).kind).toBe('derive');
    expect(reasonOf(auth.next(final))).toBe('out_of_order');
    expect(reasonOf(auth.derived(Buffer.alloc(32)))).toBe('out_of_order');
  });

  it('takes nothing after a success', () => {
    const auth = start();
    const final = Buffer.from(clientFinal('pencil', bare, challenge(auth)));
    expect(auth.next(final).kind).toBe('ok');
    expect(reasonOf(auth.next(final))).toBe('out_of_order');
  });

  it('calls a wrong password no violation of the protocol, whatever its real cause', () => {
    for (const reason of ['no_secret', 'secret_kind', 'wrong_password', 'empty_password'] as const) {
      expect(isClientProtocolViolation(reason)).toBe(false);
    }
    expect(isClientProtocolViolation('nonce')).toBe(true);
  });
});
