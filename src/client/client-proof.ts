// The proof that a client has to give of who it is, by auth_type, auth_hba_file and its certificate; or why it need not try. Before any secret is looked at.

import type { ClientAuthMethod } from '../auth/client-auth.ts';
import type { ClientWay } from '../auth/client-way.ts';
import { findRule, isCertificateOf } from '../auth/hba.ts';
import type { Config } from '../config/config.ts';
import type { HbaRule } from '../config/hba.ts';
import { poolerError } from '../protocol/catalogue.ts';
import type { Admission, ClientStartup } from './login.ts';

export type RequiredProof =
  | { readonly ok: true; readonly method: ClientAuthMethod }
  | Extract<Admission, { ok: false }>;

type ProofRule = Pick<HbaRule, 'clientCert' | 'clientName' | 'map' | 'method'>;
/** auth_type cert, as a line of a file would have it. */
const CERT: ProofRule = { method: 'cert', clientCert: 'verify-full', clientName: 'CN', map: null };

export function requiredProof(config: Config, startup: ClientStartup, way: ClientWay): RequiredProof {
  const { auth_type } = config.settings;
  if (auth_type === 'cert') return proofBy(CERT, config, startup, way);
  if (auth_type !== 'hba') return { ok: true, method: auth_type };
  const { user, database, replication } = startup;
  const isPhysicalReplication = replication === 'physical';
  const rule = findRule(config.hba?.rules ?? [], { user, database, isPhysicalReplication, way });
  if (rule === null) return { ok: false, error: poolerError('hba_no_entry', whoIs(startup, way)) };
  if (rule.method !== 'reject') return proofBy(rule, config, startup, way);
  const what = isPhysicalReplication ? 'replication connection' : 'connection';
  const error = poolerError('hba_reject', `${what} for ${whoIs(startup, way)}`);
  return { ok: false, error, detail: `${error.message} (${rule.file}, line ${rule.line})` };
}

/** Postgres: ClientAuthentication and CheckCertAuth. A certificate that is wanted is looked at first. */
function proofBy(rule: ProofRule, config: Config, { user }: ClientStartup, { tls }: ClientWay): RequiredProof {
  const { clientCert, method } = rule;
  if (clientCert !== null) {
    const certificate = tls?.certificate ?? null;
    if (certificate === null) {
      const detail = tls?.certificateProblem ?? 'the client showed no certificate';
      return { ok: false, error: poolerError('certificate_required'), detail };
    }
    if (clientCert === 'verify-full' && !isCertificateOf(certificate, user, rule, config.hba?.maps ?? [])) {
      const detail = `the certificate is that of "${certificate.distinguishedName}"`;
      return { ok: false, error: poolerError('certificate_mismatch', user), detail };
    }
  }
  // Nothing more is asked of who has a certificate: whether the user is known still is.
  return { ok: true, method: method === 'cert' || method === 'reject' ? 'trust' : method };
}

/** Postgres' words for who was not let in. */
function whoIs({ user, database, replication }: ClientStartup, { address, tls }: ClientWay): string {
  const where = replication === 'physical' ? '' : `database "${database}", `;
  return `host "${address ?? '[local]'}", user "${user}", ${where}${tls === null ? 'no encryption' : 'SSL encryption'}`;
}
