// Rows: encryption, towards clients and towards Postgres.
import { GLOBAL, GLOBAL_DATABASE, type SettingRows } from './row.ts';

const MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
/** A file that is replaced or written to is read again by itself. */
const RELOADED =
  'Looked at every 2s: a new one holds for new connections, a bad one leaves the last good one in force.';

export const tlsRows = {
  client_tls13_ciphers: {
    kind: 'text',
    default: '',
    scope: GLOBAL,
    reload: 'live',
    doc: 'The suites of TLS 1.3 that clients may choose, as TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256. Empty: those of Node.',
  },
  client_tls_ca_file: {
    kind: 'text',
    default: '',
    scope: GLOBAL,
    reload: 'live',
    doc: `Certificates, in PEM, that certificates of clients must be signed by. Clients are asked for one when this is set. ${RELOADED}`,
  },
  client_tls_cert_file: {
    kind: 'text',
    default: '',
    scope: GLOBAL,
    reload: 'live',
    doc: `The certificate that clients are shown, in PEM, with the ones between it and its root behind it. ${RELOADED}`,
  },
  client_tls_ciphers: {
    kind: 'text',
    default: 'default',
    scope: GLOBAL,
    reload: 'live',
    doc: 'The ciphers of TLS 1.2 that clients may choose, as OpenSSL lists them. default, secure, normal, fast, all and legacy are those of Node.',
  },
  client_tls_ecdhcurve: {
    kind: 'text',
    default: 'auto',
    scope: GLOBAL,
    reload: 'live',
    doc: 'The curves for keys, as X25519:prime256v1, on both sides. auto and none: those of OpenSSL.',
  },
  client_tls_key_file: {
    kind: 'text',
    default: '',
    scope: GLOBAL,
    reload: 'live',
    doc: `The private key of client_tls_cert_file, in PEM, without a password. ${RELOADED}`,
  },
  client_tls_protocols: {
    kind: 'text',
    default: 'secure',
    scope: GLOBAL,
    reload: 'live',
    doc: 'The versions of TLS for clients: tlsv1.2, tlsv1.3, or both with a comma. secure, default and all are both.',
    differs: 'TLS 1.0 and 1.1 are refused (RFC 8996), and legacy does not mean them.',
  },
  client_tls_sslmode: {
    kind: 'enum',
    values: MODES,
    default: 'disable',
    scope: GLOBAL,
    reload: 'live',
    doc: 'Encryption of clients, over TCP. disable: none. allow, prefer: for those who ask for it. require: nobody comes in without. verify-ca, verify-full: nor without a certificate that client_tls_ca_file has signed. By SSLRequest, or at once (direct TLS of PostgreSQL 17, which must name "postgresql" in ALPN).',
    differs: 'verify-ca and verify-full are told after the handshake, in an error that says what is wrong.',
  },
  server_tls13_ciphers: {
    kind: 'text',
    default: '',
    scope: GLOBAL,
    reload: 'drain',
    doc: 'The suites of TLS 1.3 that Postgres is offered. Empty: those of Node.',
  },
  server_tls_ca_file: {
    kind: 'text',
    default: '',
    scope: GLOBAL,
    reload: 'drain',
    doc: `Certificates, in PEM, that the certificate of Postgres must be signed by, for verify-ca and verify-full. Empty: the authorities that Node trusts. ${RELOADED}`,
  },
  server_tls_cert_file: {
    kind: 'text',
    default: '',
    scope: GLOBAL,
    reload: 'drain',
    doc: `The certificate that Postgres is shown when it asks for one, in PEM. ${RELOADED}`,
  },
  server_tls_channel_binding: {
    kind: 'enum',
    values: ['disable', 'prefer', 'require'],
    default: 'prefer',
    scope: GLOBAL_DATABASE,
    reload: 'drain',
    ours: true,
    doc: 'Channel binding towards Postgres (SCRAM-SHA-256-PLUS): proves that nobody sits between, even where no authority is named. prefer: where Postgres offers it. require: no login without. libpq has the same as channel_binding.',
  },
  server_tls_ciphers: {
    kind: 'text',
    default: 'default',
    scope: GLOBAL,
    reload: 'drain',
    doc: 'The ciphers of TLS 1.2 that Postgres is offered, as OpenSSL lists them, or one of the words of client_tls_ciphers.',
  },
  server_tls_key_file: {
    kind: 'text',
    default: '',
    scope: GLOBAL,
    reload: 'drain',
    doc: `The private key of server_tls_cert_file, in PEM, without a password. ${RELOADED}`,
  },
  server_tls_protocols: {
    kind: 'text',
    default: 'secure',
    scope: GLOBAL,
    reload: 'drain',
    doc: 'The versions of TLS towards Postgres: tlsv1.2, tlsv1.3, or both with a comma.',
    differs: 'TLS 1.0 and 1.1 are refused (RFC 8996).',
  },
  server_tls_sslmode: {
    kind: 'enum',
    values: MODES,
    default: 'prefer',
    scope: GLOBAL_DATABASE,
    reload: 'drain',
    doc: 'Encryption towards Postgres, over TCP, of cancel requests too. disable: none. allow, prefer: where Postgres offers it, and in the clear where it does not or where the handshake fails. require: nothing else, whoever it is. verify-ca: its certificate must be signed by server_tls_ca_file. verify-full: and be for host.',
  },
  server_tls_sslnegotiation: {
    kind: 'enum',
    values: ['postgres', 'direct'],
    default: 'postgres',
    scope: GLOBAL_DATABASE,
    reload: 'drain',
    ours: true,
    doc: 'How encryption towards Postgres begins. postgres: Postgres is asked whether it offers it. direct: with the handshake itself, which saves a round trip and needs PostgreSQL 17, and server_tls_sslmode require or stricter. libpq has the same as sslnegotiation.',
  },
} as const satisfies SettingRows;
