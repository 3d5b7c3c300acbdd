// Certificates, keys and what else an encrypted connection is made with: read from files, and read again when these change.

import { constants, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { tlsVersions } from '../config/tls-versions.ts';

/** PgBouncer's settings, without client_tls_ or server_tls_. Empty: not set. */
export interface TlsSettings {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
  /** OpenSSL's list for up to TLS 1.2, or one of PgBouncer's words. */
  readonly ciphers: string;
  /** Suites of TLS 1.3. */
  readonly tls13Ciphers: string;
  readonly protocols: string;
  readonly ecdhCurve: string;
}

export interface TlsMaterial {
  readonly context: SecureContext;
  readonly options: SecureContextOptions;
  /** Certificates that others are verified with; null: those that Node trusts. */
  readonly hasCa: boolean;
  /** Our own certificate. */
  readonly certificate: X509Certificate | null;
}

/** PgBouncer's words for lists of ciphers, as libtls has them: all of them mean what this version of Node takes for good. */
const CIPHER_WORDS = /^(default|secure|normal|fast|compat|legacy|all|insecure|)$/;
/** Postgres: be_tls_init. Nothing is negotiated anew, compressed, or resumed. */
const OPTIONS = constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_COMPRESSION | constants.SSL_OP_NO_TICKET;

/** Throws an Error that names the file or setting. prefix: `client_tls_` or `server_tls_`. */
export function readTlsMaterial(settings: TlsSettings, prefix: string): TlsMaterial {
  const { caFile, certFile, keyFile, ciphers, tls13Ciphers, ecdhCurve, protocols } = settings;
  const versions = tlsVersions(protocols);
  if (typeof versions === 'string') throw new Error(`${prefix}protocols: ${versions}`);
  const ca = read(caFile, `${prefix}ca_file`);
  const cert = read(certFile, `${prefix}cert_file`);
  const key = read(keyFile, `${prefix}key_file`);
  const own = attempt(`${prefix}cert_file ${certFile}`, () => (cert === null ? null : new X509Certificate(cert)));
  if (ca !== null) attempt(`${prefix}ca_file ${caFile}`, () => new X509Certificate(ca));
  const lists = [tls13Ciphers, CIPHER_WORDS.test(ciphers) ? '' : ciphers].filter((list) => list !== '');
  const options: SecureContextOptions = {
    ...(ca !== null && { ca }),
    ...(cert !== null && { cert }),
    ...(key !== null && { key }),
    ...(lists.length > 0 && { ciphers: lists.join(':') }),
    ecdhCurve: /^(auto|none|)$/.test(ecdhCurve) ? 'auto' : ecdhCurve,
    minVersion: versions.min,
    maxVersion: versions.max,
    secureOptions: OPTIONS,
  };
  const names = `${prefix}cert_file ${certFile} and ${prefix}key_file ${keyFile}`;
  const context = attempt(certFile === '' ? `${prefix}ca_file ${caFile}` : names, () => createSecureContext(options));
  return { context, options, hasCa: ca !== null, certificate: own };
}

function read(file: string, name: string): Buffer | null {
  return file === '' ? null : attempt(name, () => readFileSync(file));
}

function attempt<T>(what: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw new Error(`${what}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The same settings and the same files give the same text, until a file is replaced or written to. */
export async function stampOf(settings: TlsSettings): Promise<string> {
  const files = [settings.caFile, settings.certFile, settings.keyFile].filter((file) => file !== '');
  const stamps = files.map(async (file) => {
    const { ino, size, mtimeMs } = await stat(file);
    return `${file} ${ino} ${size} ${mtimeMs}`;
  });
  return (await Promise.all(stamps.map((stamp) => stamp.catch((error: NodeJS.ErrnoException) => error.code)))).join();
}
