// Authorities and certificates for tests, and a Postgres that shows one.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { chmodSync, chownSync, mkdtempSync, statSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import type { EmbeddedPostgres } from '../../src/cli/demo/embedded-postgres.ts';
import { queryOn } from './postgres.ts';
import { waitUntil } from './wait-until.ts';

x509.cryptoProvider.set(webcrypto as never);
const KEYS = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;

export interface Certificate {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
  /** The files that hold them. */
  readonly certFile: string;
  readonly keyFile: string;
}

export interface CertificateWishes {
  /** Subject, as `CN=app,O=Example`. */
  readonly subject: string;
  /** Host names and addresses. */
  readonly names?: readonly string[];
  readonly isExpired?: boolean;
}

let serial = 1;

export class Authority {
  readonly cert: string;
  readonly certFile: string;
  readonly folder: string;
  readonly #issuer: x509.X509Certificate;
  readonly #keys: webcrypto.CryptoKeyPair;

  private constructor(issuer: x509.X509Certificate, keys: webcrypto.CryptoKeyPair) {
    this.#issuer = issuer;
    this.#keys = keys;
    this.folder = mkdtempSync(join(tmpdir(), 'pgsluice-certificates-'));
    // An ordinary user's psql or Postgres reads them, too.
    chmodSync(this.folder, 0o755);
    this.cert = issuer.toString('pem');
    this.certFile = this.#write('ca.crt', this.cert);
  }

  static async make(subject = 'CN=Test CA'): Promise<Authority> {
    const keys = (await webcrypto.subtle.generateKey(KEYS, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
    const issuer = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: `${serial++}`.padStart(4, '0'),
      name: subject,
      notBefore: new Date(Date.now() - DAY_MS),
      notAfter: new Date(Date.now() + 30 * DAY_MS),
      signingAlgorithm: KEYS,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, 1, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      ],
    });
    return new Authority(issuer, keys);
  }

  async issue({ subject, names = [], isExpired = false }: CertificateWishes): Promise<Certificate> {
    const keys = (await webcrypto.subtle.generateKey(KEYS, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: `${serial++}`.padStart(4, '0'),
      subject,
      issuer: this.#issuer.subject,
      notBefore: new Date(Date.now() - 10 * DAY_MS),
      notAfter: new Date(Date.now() + (isExpired ? -DAY_MS : 20 * DAY_MS)),
      signingKey: this.#keys.privateKey,
      publicKey: keys.publicKey,
      signingAlgorithm: KEYS,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        ...(names.length === 0
          ? []
          : [
              new x509.SubjectAlternativeNameExtension(
                names.map((value) => ({ type: isIP(value) ? ('ip' as const) : ('dns' as const), value })),
              ),
            ]),
      ],
    });
    const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
    const cert = certificate.toString('pem');
    const lines = der.toString('base64').replaceAll(/(.{64})/g, '$1\n');
    const key = `-----BEGIN PRIVATE KEY-----\n${lines}\n-----END PRIVATE KEY-----\n`;
    const name = `${serial}`;
    return { cert, key, certFile: this.#write(`${name}.crt`, cert), keyFile: this.#write(`${name}.key`, key) };
  }

  #write(name: string, text: string): string {
    const file = join(this.folder, name);
    writeFileSync(file, text, { mode: 0o600 });
    if (name.endsWith('.crt')) chmodSync(file, 0o644);
    return file;
  }
}

/** Switches TLS on; hba: the lines of pg_hba.conf, default: as they are. ca: asks clients for certificates that it has signed. */
export async function encryptPostgres(
  postgres: EmbeddedPostgres,
  certificate: Pick<Certificate, 'cert' | 'key'>,
  { hba = null, ca = null }: { hba?: string | null; ca?: Authority | null } = {},
): Promise<void> {
  const { uid, gid } = statSync(postgres.dataDir);
  const place = (name: string, text: string) => {
    const file = join(postgres.dataDir, name);
    writeFileSync(file, text, { mode: 0o600 });
    chownSync(file, uid, gid);
  };
  place('server.crt', certificate.cert);
  place('server.key', certificate.key);
  if (ca !== null) place('root.crt', ca.cert);
  if (hba !== null) place('pg_hba.conf', hba);
  const { host, port, user, password } = postgres;
  const admin = { host, port, user, password, database: 'postgres' };
  await queryOn(admin, `ALTER SYSTEM SET ssl_ca_file = '${ca === null ? '' : 'root.crt'}'`);
  await queryOn(admin, 'ALTER SYSTEM SET ssl = on');
  await queryOn(admin, 'SELECT pg_reload_conf()');
  const encrypted = { ...admin, ssl: { rejectUnauthorized: false } };
  await waitUntil(() => queryOn(encrypted, 'SELECT 1'), { what: 'an encrypted login straight to Postgres' });
}
