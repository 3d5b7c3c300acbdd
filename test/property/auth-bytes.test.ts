// Whatever bytes a peer sends, in whatever phase: no machine throws, and each comes to an end.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ClientAuthMethod, createClientAuth } from '../../src/auth/client-auth.ts';
import { parseSecret } from '../../src/auth/secret.ts';
import { createServerAuth } from '../../src/auth/server-auth.ts';

const scramSecret = `SCRAM-SHA-256$64:W22ZaJ0SNY7soEsUEjb6gQ==$${Buffer.alloc(32, 1).toString('base64')}:${Buffer.alloc(32, 2).toString('base64')}`;
const serverNonce = 'THEIRS';
const ourNonce = 'ours';

const raw = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
/** Pieces that a grammar of these messages is made of, in any order. */
const piece = fc.constantFrom(
  'n,,',
  'y,,',
  'p=',
  'a=',
  'm=',
  'n=',
  'r=',
  'c=biws',
  'c=eSws',
  's=AAAA',
  'i=64',
  'i=0',
  'i=99999999',
  'e=',
  'v=',
  'p=AAAA',
  `p=${Buffer.alloc(32).toString('base64')}`,
  `v=${Buffer.alloc(32).toString('base64')}`,
  ',',
  '\0',
  '=',
  'abc',
  'ours',
  'oursX',
  'abcTHEIRS',
  'md5',
  'SCRAM-SHA-256',
  'SCRAM-SHA-256\0',
  '\xff',
);
const pieces = fc.array(piece, { maxLength: 12 }).map((list) => Buffer.from(list.join(''), 'latin1'));
const initial = pieces.map((text) => {
  const length = Buffer.alloc(4);
  length.writeInt32BE(text.length);
  return Buffer.concat([Buffer.from('SCRAM-SHA-256\0'), length, text]);
});
/** Messages that get far into an exchange, so that the later phases are reached too. */
const nearly = fc.constantFrom('n,,n=,r=abc', 'y,,n=,r=abc').map((text) => {
  const length = Buffer.from([0, 0, 0, text.length]);
  return Buffer.concat([Buffer.from('SCRAM-SHA-256\0'), length, Buffer.from(text)]);
});
const goodText = fc
  .constantFrom(
    `c=biws,r=abc${serverNonce},p=${Buffer.alloc(32).toString('base64')}`,
    `r=${ourNonce}X,s=AAAA,i=64`,
    `v=${Buffer.alloc(32).toString('base64')}`,
    'SCRAM-SHA-256\0\0',
    'pencil\0',
    '',
  )
  .map((text) => Buffer.from(text, 'latin1'));
const message = fc.oneof(raw, pieces, initial, nearly, goodText);

describe('any bytes', () => {
  it('to the machine that lets clients in never throw, and nobody comes in without the password', () => {
    const methods = fc.constantFrom<ClientAuthMethod>('plain', 'md5', 'scram-sha-256');
    const secrets = fc.constantFrom<(string | null)[]>(
      null,
      'not what is sent',
      `md5${'0'.repeat(32)}`,
      scramSecret,
      '',
      'SCRAM-SHA-256$',
    );
    const calls = fc.array(
      fc.oneof({ weight: 9, arbitrary: message }, { weight: 1, arbitrary: fc.constant('derived' as const) }),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(methods, secrets, calls, (method, secret, list) => {
        const auth = createClientAuth({ method, user: 'ada', secret, nonce: () => serverNonce });
        let requests = 0;
        let step = auth.begin();
        for (const call of list) {
          if (step.kind === 'request') requests++;
          const ended = step.kind === 'fail';
          if (step.kind === 'derive') step = auth.derived(Buffer.alloc(32));
          else step = call === 'derived' ? auth.derived(Buffer.alloc(5)) : auth.next(call);
          expect(step.kind).not.toBe('ok');
          if (ended) expect(step).toMatchObject({ kind: 'fail', reason: 'out_of_order' });
        }
        expect(requests).toBeLessThanOrEqual(2);
        // One challenge, one proof, one derivation: after that it has come to an end.
        if (list.length >= 3) expect(step.kind).toBe('fail');
      }),
      { numRuns: 3000 },
    );
  });

  it('to the machine that logs in to Postgres never throw, and it never takes a server that could not sign', () => {
    const codes = fc.oneof(fc.constantFrom(0, 3, 5, 10, 11, 12), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }));
    const passwords = fc.constantFrom<(string | null)[]>(null, '', 'pencil');
    fc.assert(
      fc.property(passwords, fc.array(fc.tuple(codes, message), { maxLength: 8 }), (password, list) => {
        const auth = createServerAuth({ user: 'ada', password, nonce: () => ourNonce });
        let inSasl = false;
        let ended = false;
        for (const [code, data] of list) {
          let step = auth.next(code, data);
          if (ended) expect(step).toMatchObject({ kind: 'fail', reason: 'out_of_order' });
          if (step.kind === 'derive') {
            expect(step.iterations).toBeLessThanOrEqual(1_000_000);
            step = auth.derived(Buffer.alloc(32));
          }
          if (step.kind === 'respond' && code === 10) inSasl = true;
          if (step.kind === 'ok') expect(inSasl).toBe(false);
          ended = step.kind === 'ok' || step.kind === 'fail';
        }
        if (list.length >= 5) expect(ended).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });

  it('as a stored secret are read without throwing', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string().map((tail) => `SCRAM-SHA-256$${tail}`),
    );
    fc.assert(
      fc.property(text, (secret) => {
        expect(['plain', 'md5', 'scram', 'invalid']).toContain(parseSecret(secret).kind);
      }),
      { numRuns: 1000 },
    );
  });
});
