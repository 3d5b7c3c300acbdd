// Stored secrets: what they are taken for, and what they never are.
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { formatScramSecret, md5Response, md5Secret, parseSecret } from '../../../src/auth/secret.ts';
import { salted, verifier } from './scram-peer.ts';

const salt = 'W22ZaJ0SNY7soEsUEjb6gQ==';
const key = Buffer.alloc(32, 7).toString('base64');

describe('parseSecret', () => {
  it('takes any text that says nothing else for a password', () => {
    for (const password of ['pencil', 'md5', 'md5 is old', `md5${'A'.repeat(32)}`, 'SCRAM-SHA-1$x', ' ']) {
      expect(parseSecret(password)).toEqual({ kind: 'plain', password });
    }
  });

  it('knows an md5 hash by its 32 lower-case hex digits', () => {
    const hash = `md5${'0123456789abcdef'.repeat(2)}`;
    expect(parseSecret(hash)).toEqual({ kind: 'md5', hash });
  });

  it('reads every part of a SCRAM verifier', () => {
    expect(parseSecret(`SCRAM-SHA-256$15000:${salt}$${key}:${Buffer.alloc(32, 9).toString('base64')}`)).toEqual({
      kind: 'scram',
      iterations: 15000,
      salt: Buffer.from(salt, 'base64'),
      storedKey: Buffer.alloc(32, 7),
      serverKey: Buffer.alloc(32, 9),
    });
  });

  it('accepts 1 and 1,000,000 iterations and nothing beyond', () => {
    for (const count of ['1', '1000000']) {
      expect(parseSecret(`SCRAM-SHA-256$${count}:${salt}$${key}:${key}`).kind).toBe('scram');
    }
    for (const count of ['0', '-1', '1000001', '4294967297', 'NaN', '', '4096.5', '1e3', '٣', '01']) {
      expect(parseSecret(`SCRAM-SHA-256$${count}:${salt}$${key}:${key}`).kind).toBe('invalid');
    }
  });

  it('never takes a broken SCRAM verifier for a password, and never repeats it', () => {
    const tooMuchSalt = Buffer.alloc(257).toString('base64');
    const broken = [
      'SCRAM-SHA-256$',
      `SCRAM-SHA-256$4096:${salt}$${key}`,
      `SCRAM-SHA-256$4096:$${key}:${key}`,
      `SCRAM-SHA-256$4096:${tooMuchSalt}$${key}:${key}`,
      `SCRAM-SHA-256$4096:not base64$${key}:${key}`,
      `SCRAM-SHA-256$4096:${salt}$${salt}:${key}`,
      `SCRAM-SHA-256$4096:${salt}$${key}:${key}=`,
      `SCRAM-SHA-256$4096:${salt}$${key}:${key}\n`,
    ];
    for (const text of broken) {
      const secret = parseSecret(text);
      expect(secret.kind, text).toBe('invalid');
      expect(JSON.stringify(secret)).not.toContain(salt);
      expect(JSON.stringify(secret)).not.toContain(key);
    }
  });

  it('calls an empty secret invalid', () => {
    expect(parseSecret('').kind).toBe('invalid');
  });
});

describe('making secrets', () => {
  it('makes the SCRAM verifier that an independent implementation makes', () => {
    const base = salted('pencil', salt, 4096);
    const text = formatScramSecret(base, Buffer.from(salt, 'base64'), 4096);
    expect(text).toBe(verifier('pencil', salt, 4096));
    expect(parseSecret(text).kind).toBe('scram');
  });

  it('hashes password and user with md5, and that hash with the salt of the moment', () => {
    const hash = `md5${createHash('md5').update('pencilada').digest('hex')}`;
    expect(md5Secret('pencil', 'ada')).toBe(hash);
    const moment = Buffer.from([1, 2, 0, 255]);
    const expected = createHash('md5').update(Buffer.concat([Buffer.from(hash.slice(3)), moment]));
    expect(md5Response(hash, moment)).toBe(`md5${expected.digest('hex')}`);
  });
});
