// What strangers are asked for by method md5.
import { expect, test } from 'vitest';
import { askedOfMost } from '../../../src/auth/strangers.ts';
import { rfc7677, verifier } from './scram-peer.ts';

const scram = verifier('pencil', rfc7677.salt, 64);
const md5 = `md5${'0'.repeat(32)}`;

test.each([
  ['nobody has a secret here', [], 'scram-sha-256'],
  ['most have SCRAM secrets', [scram, scram, 'pencil'], 'scram-sha-256'],
  ['most have passwords or md5 hashes', [scram, 'pencil', md5], 'md5'],
  ['what is no secret does not count', ['', 'SCRAM-SHA-256$broken', scram], 'scram-sha-256'],
] as const)('%s', (_, secrets, asked) => {
  expect(askedOfMost(secrets)).toBe(asked);
});
