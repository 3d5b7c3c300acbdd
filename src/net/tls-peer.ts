// What is known of the other end of an encrypted connection, and the hash that ties an authentication to it.

import { createHash, type X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';

/** The name that PostgreSQL has for itself in ALPN. Postgres: PG_ALPN_PROTOCOL. */
export const ALPN_PROTOCOL = 'postgresql';

/** Subject of a certificate that was verified. */
export interface CertificateSubject {
  /** Null: it has none, or several, or one that a zero byte cuts short. */
  readonly commonName: string | null;
  /** As RFC 2253 writes it. */
  readonly distinguishedName: string;
}

/**
 * RFC 5929 section 4.1, tls-server-end-point: the hash of the signature's algorithm, where MD5 and SHA-1 become SHA-256.
 * Null where the signature has no hash of its own (Ed25519) or none that its name tells (RSASSA-PSS).
 * Postgres: pgtls_get_peer_certificate_hash, be_tls_get_certificate_hash.
 */
export function endPointHash(certificate: X509Certificate): Buffer | null {
  const name = /md5|sha-?(1|224|256|384|512)(?!\d)/i.exec(certificate.signatureAlgorithm ?? '');
  if (name === null) return null;
  const bits = name[1];
  const hash = bits === undefined || bits === '1' ? 'sha256' : `sha${bits}`;
  return createHash(hash).update(certificate.raw).digest();
}

/** The certificate of the other end; null: it showed none. */
export function peerCertificate(socket: TLSSocket): X509Certificate | null {
  return socket.getPeerX509Certificate() ?? null;
}

export function subjectOf(certificate: X509Certificate): CertificateSubject {
  const { CN: name } = certificate.toLegacyObject().subject as { CN?: string | string[] };
  const isWhole = typeof name === 'string' && name !== '' && !name.includes('\0');
  // One attribute a line and the outermost first: RFC 2253 has them the other way round.
  const distinguishedName = (certificate.subject ?? '').split('\n').reverse().join(',');
  return { commonName: isWhole ? name : null, distinguishedName };
}

/** PgBouncer: the column tls of SHOW CLIENTS and SHOW SERVERS: version and cipher. */
export function describeTls(socket: TLSSocket): string {
  return `${socket.getProtocol() ?? 'TLS'}/${socket.getCipher()?.name ?? '?'}`;
}
