// How a client came in: what the rules about who may come in go by, besides its name.

/** A client's certificate. It is only there when it was verified against client_tls_ca_file. */
export interface ClientCertificate {
  /** CN of its subject; null: it has none, or several, or one with a zero byte. */
  readonly commonName: string | null;
  /** The subject as RFC 2253 writes it. Postgres: clientname=DN. */
  readonly distinguishedName: string;
}

export interface ClientTls {
  readonly certificate: ClientCertificate | null;
  /** Why the certificate that it showed does not count; null: it does, or there is none. */
  readonly certificateProblem: string | null;
  /** Hash of our certificate for tls-server-end-point (RFC 5929 section 4.1); null: its signature has no hash that can be used. */
  readonly endPointHash: Buffer | null;
}

export interface ClientWay {
  /** IPv4 or IPv6 as text; null: a Unix socket. */
  readonly address: string | null;
  /** null: not encrypted. */
  readonly tls: ClientTls | null;
}
