// Rules: encryption and certificates, on both sides.
import { isSocketDirectory } from '../../net/socket-directory.ts';
import type { CertificateFacts, Facts, PoolFacts, ServerFacts } from '../facts.ts';
import type { Finding } from '../finding.ts';

const DAY_MS = 86_400_000;
/** Time enough to get a new one. */
const SOON_MS = 21 * DAY_MS;

export function tlsRules(facts: Facts): Finding[] {
  const findings: Finding[] = [];
  if (facts.ownCertificate !== null) {
    const change = 'client_tls_cert_file: renewed.crt  # with client_tls_key_file; no restart is needed';
    findings.push(...ofDates(facts.ownCertificate, facts.now, 'client_tls_cert_file', 'error', change));
  }
  for (const server of facts.servers.values()) {
    const pools = facts.pools.filter((pool) => pool.server === server.key);
    for (const [mode, some] of Map.groupBy(pools, (pool) => pool.settings.server_tls_sslmode))
      findings.push(...ofServer(server, mode, some, facts.now));
  }
  return findings;
}

function ofServer(server: ServerFacts, mode: string, pools: readonly PoolFacts[], now: number): Finding[] {
  const { key, tls, host, isRemote } = server;
  const findings: Finding[] = [];
  const isStrict = mode === 'require' || mode.startsWith('verify-');
  const add = (rule: string, severity: Finding['severity'], fact: string, consequence: string, change: string) =>
    findings.push({ rule, severity, about: key, fact, consequence, change });
  if (mode === 'disable' || isSocketDirectory(host)) {
    if (mode === 'disable' && isRemote)
      add('tls-off', 'warning', IN_THE_CLEAR(key, mode), READABLE, 'server_tls_sslmode: verify-full');
    return findings;
  }
  if (tls.kind === 'refused') {
    if (isStrict)
      add(
        'tls-not-offered',
        'error',
        `server_tls_sslmode is ${mode}, and Postgres offers no encryption`,
        'No server can be opened: every client waits and fails.',
        'ALTER SYSTEM SET ssl = on  # or server_tls_sslmode: prefer',
      );
    else if (isRemote) add('tls-off', 'warning', IN_THE_CLEAR(key, mode), READABLE, 'ALTER SYSTEM SET ssl = on');
    for (const pool of pools)
      if (pool.settings.server_tls_channel_binding === 'require')
        add(
          'channel-binding',
          'error',
          'server_tls_channel_binding is require, and there is no encryption to bind to',
          `Logins of ${pool.user} fail.`,
          'server_tls_channel_binding: prefer',
        );
    return findings;
  }
  if (tls.kind === 'failed') {
    add(
      'tls-handshake',
      isStrict ? 'error' : 'warning',
      `the handshake fails: ${tls.message}`,
      isStrict ? 'No server can be opened.' : 'Connections go on in the clear.',
      'server_tls_protocols: secure',
    );
    return findings;
  }
  if (tls.kind === 'unchecked') return findings;
  const { certificate } = tls;
  if (mode.startsWith('verify-') && certificate.chainProblem !== null)
    add(
      'certificate-not-trusted',
      'error',
      `the certificate of Postgres (${certificate.subject}) is not trusted: ${certificate.chainProblem}`,
      'No server can be opened.',
      'server_tls_ca_file: the-authority-that-signed-it.crt',
    );
  if (mode === 'verify-full' && certificate.nameProblem !== null)
    add(
      'certificate-name',
      'error',
      `the certificate of Postgres (${certificate.subject}) is not for ${host}: ${certificate.nameProblem}`,
      'No server can be opened.',
      `databases: { NAME: { host: a-name-in-the-certificate } }  # or server_tls_sslmode: verify-ca`,
    );
  // An expired one is not trusted either: once is enough.
  if (!findings.some(({ rule }) => rule === 'certificate-not-trusted'))
    findings.push(
      ...ofDates(
        certificate,
        now,
        key,
        mode.startsWith('verify-') ? 'error' : 'warning',
        'ssl_cert_file in Postgres: a renewed certificate, then SELECT pg_reload_conf()',
      ),
    );
  return findings;
}

const IN_THE_CLEAR = (key: string, mode: string) =>
  `${key} is reached over the network in the clear (server_tls_sslmode ${mode})`;
const READABLE = 'Whoever sits between reads statements and results, and may change them.';

function ofDates(
  { subject, validFrom, validTo }: CertificateFacts,
  now: number,
  about: string,
  expired: Finding['severity'],
  change: string,
): Finding[] {
  const until = new Date(validTo).toISOString().slice(0, 10);
  const days = Math.floor(Math.abs(validTo - now) / DAY_MS);
  const finding = { rule: 'certificate-expiry', about, change };
  if (now > validTo || now < validFrom)
    return [
      {
        ...finding,
        severity: expired,
        fact:
          now > validTo
            ? `the certificate ${subject} has expired on ${until}, ${days} days ago`
            : `the certificate ${subject} is not valid yet`,
        consequence: 'Whoever verifies it refuses the connection.',
      },
    ];
  if (validTo - now > SOON_MS) return [];
  return [
    {
      ...finding,
      severity: 'warning',
      fact: `the certificate ${subject} expires on ${until}, in ${days} days`,
      consequence: 'From then on whoever verifies it refuses the connection.',
    },
  ];
}
