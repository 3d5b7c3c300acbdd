// The pieces of SCRAM-SHA-256 that both of our machines share: attribute text, strict base64, keys and signatures.
// RFC 5802 section 3 (the formulas), 5.1 (attributes), 7 (formal syntax); RFC 7677 (SHA-256, at least 4096 iterations).
// Postgres: src/common/scram-common.c, and read_attr_value, read_any_attr, is_scram_printable in auth-scram.c.
//
// SCRAM text is held as latin1 strings: one character is one byte, so what is signed is what was on the wire.
import { createHmac, createSecretKey, hash, randomBytes, timingSafeEqual } from 'node:crypto';

export const scramMechanism = 'SCRAM-SHA-256';

/** The same with channel binding: each side proves that it sees the certificate that the other sees. RFC 5802 section 6. */
export const scramPlusMechanism = 'SCRAM-SHA-256-PLUS';

/** The only type of channel binding that Postgres knows: the hash of the server's certificate. RFC 5929 section 4. */
export const endPointBinding = 'tls-server-end-point';

/**
 * The `c` attribute: the GS2 header of the client-first-message and, behind a `p=`, what is bound.
 * `flag`: `n`, `y` or `p=tls-server-end-point`.
 */
export function channelBinding(flag: string, endPointHash: Buffer | null): string {
  const header = Buffer.from(`${flag},,`, 'latin1');
  return (endPointHash === null ? header : Buffer.concat([header, endPointHash])).toString('base64');
}

/** Postgres: SCRAM_SHA_256_DEFAULT_ITERATIONS. */
export const defaultScramIterations = 4096;

/** PgBouncer: 1.26 refuses more, whoever asks: a count without a bound lets a peer buy our processor for hours. */
export const maxScramIterations = 1_000_000;

/** Bytes of salt, decoded. Postgres makes 16; more than this is nobody's salt. */
export const maxScramSaltBytes = 256;

/** Postgres: SCRAM_DEFAULT_SALT_LEN. */
export const scramSaltBytes = 16;

/** Characters in the value of one attribute: nonces, names, salts and error words alike. */
export const maxAttributeLength = 1024;

const keyBytes = 32;
const rawNonceBytes = 18; // Postgres: SCRAM_RAW_NONCE_LEN

/** What a finished exchange with a client teaches us: enough to log in to a Postgres that stores the same secret. */
export interface ScramKeys {
  readonly clientKey: Buffer;
  readonly serverKey: Buffer;
  /** The salt and the count that the keys belong to; elsewhere they are worthless. */
  readonly salt: Buffer;
  readonly iterations: number;
}

/** A fresh nonce, printable and without commas. */
export function scramNonce(): string {
  return randomBytes(rawNonceBytes).toString('base64');
}

export function clientKeyOf(saltedPassword: Buffer): Buffer {
  return hmac(saltedPassword, 'Client Key');
}

export function serverKeyOf(saltedPassword: Buffer): Buffer {
  return hmac(saltedPassword, 'Server Key');
}

export function storedKeyOf(clientKey: Buffer): Buffer {
  return hash('sha256', clientKey, 'buffer');
}

/** Node 24 throws and catches an error inside for a key that is a Buffer: 11 us instead of 3. */
function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', createSecretKey(key)).update(text, 'latin1').digest();
}

/** ClientSignature (key: StoredKey) or ServerSignature (key: ServerKey) over the AuthMessage, given as latin1. */
export function scramSignature(key: Buffer, authMessage: string): Buffer {
  return hmac(key, authMessage);
}

/** ClientProof from ClientKey and ClientSignature, and ClientKey back from ClientProof. Both are 32 bytes. */
export function xorKeys(a: Buffer, b: Buffer): Buffer {
  const out = Buffer.alloc(keyBytes);
  for (let i = 0; i < keyBytes; i++) out[i] = a[i]! ^ b[i]!;
  return out;
}

/** Equality in a time that does not depend on where the difference is. Lengths are not secret here. */
export function sameBytes(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Canonical base64 only: padded, no white space, no stray bits. Null for anything else, and for nothing. */
export function decodeBase64(text: string): Buffer | null {
  if (text.length === 0 || text.length > maxAttributeLength) return null;
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : null;
}

/** A proof, a signature or a stored key: 32 bytes, or null. */
export function decodeKey(text: string): Buffer | null {
  const bytes = decodeBase64(text);
  return bytes !== null && bytes.length === keyBytes ? bytes : null;
}

/** A salt within bounds, or null. */
export function decodeSalt(text: string): Buffer | null {
  const bytes = decodeBase64(text);
  return bytes !== null && bytes.length <= maxScramSaltBytes ? bytes : null;
}

/** An iteration count in plain decimal, 1 to maxScramIterations, or null. */
export function parseIterations(text: string): number | null {
  if (!/^[1-9][0-9]{0,6}$/.test(text)) return null;
  const iterations = Number(text);
  return iterations <= maxScramIterations ? iterations : null;
}

/** RFC 5802 `printable`: visible ASCII without the comma, at least one and at most maxAttributeLength characters. */
export function isPrintable(text: string): boolean {
  return text.length <= maxAttributeLength && /^[\x21-\x2b\x2d-\x7e]+$/.test(text);
}

export interface Attribute {
  readonly name: string;
  readonly value: string;
  /** Where the attribute begins in the message. */
  readonly at: number;
}

/** Walks through `a=value,b=value`. Each take is a step forward, so a walk always ends. */
export class AttributeReader {
  readonly #text: string;
  #at: number;
  #done = false;

  constructor(text: string, from = 0) {
    this.#text = text;
    this.#at = from;
  }

  /** True once the last attribute was taken; a comma with nothing behind it is not an end. */
  get done(): boolean {
    return this.#done;
  }

  /** The next attribute, or null when there is none or it is not well formed or too long. */
  take(): Attribute | null {
    if (this.#done) return null;
    const at = this.#at;
    if (!/^[A-Za-z]=$/.test(this.#text.slice(at, at + 2))) return null;
    const comma = this.#text.indexOf(',', at + 2);
    const end = comma === -1 ? this.#text.length : comma;
    if (end - at - 2 > maxAttributeLength) return null;
    const value = this.#text.slice(at + 2, end);
    if (value.includes('\0')) return null;
    this.#at = end + 1;
    this.#done = comma === -1;
    return { name: this.#text[at]!, value, at };
  }

  /** The value of the next attribute when it has this name, else null. */
  takeValue(name: string): string | null {
    const attribute = this.take();
    return attribute !== null && attribute.name === name ? attribute.value : null;
  }
}
