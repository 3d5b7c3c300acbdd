// What a user's stored secret is: a password, an md5 hash or a SCRAM verifier, as in pg_authid.rolpassword and userlist.txt.
// Postgres: get_password_type (crypt.c), parse_scram_secret and scram_build_secret (auth-scram.c, scram-common.c);
// RFC 5802 section 2.2 and 3 (StoredKey, ServerKey), RFC 5803 (the stored form), RFC 7677.
import { createHash } from 'node:crypto';
import {
  clientKeyOf,
  decodeKey,
  decodeSalt,
  parseIterations,
  scramMechanism,
  serverKeyOf,
  storedKeyOf,
} from './scram.ts';

export interface PlainSecret {
  readonly kind: 'plain';
  readonly password: string;
}

export interface Md5Secret {
  readonly kind: 'md5';
  /** `md5` and 32 lower-case hex digits. */
  readonly hash: string;
}

export interface ScramSecret {
  readonly kind: 'scram';
  readonly iterations: number;
  readonly salt: Buffer;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

/** It says that it is a verifier and is none we can use. `problem` never repeats any of it. */
export interface InvalidSecret {
  readonly kind: 'invalid';
  readonly problem: string;
}

export type Secret = PlainSecret | Md5Secret | ScramSecret | InvalidSecret;

const scramPrefix = `${scramMechanism}$`;

/**
 * Tells what kind of secret a text is. Never throws. An empty text is invalid: Postgres lets nobody in with an empty password.
 * Differs from PgBouncer: a broken SCRAM verifier is never taken for a password, since whoever reads it could then log in with it.
 */
export function parseSecret(text: string): Secret {
  if (text === '') return { kind: 'invalid', problem: 'the secret is empty' };
  if (text.startsWith(scramPrefix)) return parseScramSecret(text);
  if (/^md5[0-9a-f]{32}$/.test(text)) return { kind: 'md5', hash: text };
  return { kind: 'plain', password: text };
}

function parseScramSecret(text: string): ScramSecret | InvalidSecret {
  const parts = /^([^:$]*):([^:$]*)\$([^:$]*):([^:$]*)$/.exec(text.slice(scramPrefix.length));
  if (parts === null) {
    return { kind: 'invalid', problem: 'a SCRAM secret reads SCRAM-SHA-256$iterations:salt$storedKey:serverKey' };
  }
  const iterations = parseIterations(parts[1]!);
  if (iterations === null) {
    return { kind: 'invalid', problem: 'the iteration count of a SCRAM secret is a number from 1 to 1000000' };
  }
  const salt = decodeSalt(parts[2]!);
  if (salt === null) return { kind: 'invalid', problem: 'the salt of a SCRAM secret is base64, 1 to 256 bytes' };
  const storedKey = decodeKey(parts[3]!);
  const serverKey = decodeKey(parts[4]!);
  if (storedKey === null || serverKey === null) {
    return { kind: 'invalid', problem: 'the keys of a SCRAM secret are base64, 32 bytes each' };
  }
  return { kind: 'scram', iterations, salt, storedKey, serverKey };
}

/** The stored form of a password whose salted form is known (saltPassword in pbkdf2.ts makes it). */
export function formatScramSecret(saltedPassword: Buffer, salt: Buffer, iterations: number): string {
  const storedKey = storedKeyOf(clientKeyOf(saltedPassword)).toString('base64');
  const serverKey = serverKeyOf(saltedPassword).toString('base64');
  return `${scramPrefix}${iterations}:${salt.toString('base64')}$${storedKey}:${serverKey}`;
}

/** `md5` and the hex digest of password and user name, which is the salt. Postgres: pg_md5_encrypt. */
export function md5Secret(password: string, user: string): string {
  return `md5${md5Hex(password, user)}`;
}

/** What answers an AuthenticationMD5Password with these 4 bytes of salt. `hash` is an Md5Secret's. */
export function md5Response(hash: string, salt: Buffer): string {
  return `md5${md5Hex(hash.slice(3), salt)}`;
}

function md5Hex(first: string, second: string | Buffer): string {
  return createHash('md5').update(first).update(second).digest('hex');
}
