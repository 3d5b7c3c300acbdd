// Settings of encryption and of HBA files that are right one by one and wrong together.

import type { HbaAddress } from './hba.ts';
import { isLoopback } from './loopback.ts';
import type { Parts } from './parts.ts';
import { placeOf } from './read-entries.ts';
import type { Findings } from './read-scope.ts';
import { tlsVersions } from './tls-versions.ts';

export function checkTls({ root, settings, databases }: Parts, { errors, warnings }: Findings): void {
  const { client_tls_sslmode: mode, client_tls_ca_file, client_tls_cert_file, client_tls_key_file } = settings;
  const place = placeOf(root, 'client_tls_sslmode');
  if (mode !== 'disable' && (client_tls_cert_file === '' || client_tls_key_file === ''))
    errors.add(place, 'client_tls_sslmode', `${mode} needs client_tls_cert_file and client_tls_key_file`);
  if (mode.startsWith('verify-') && client_tls_ca_file === '')
    errors.add(
      place,
      'client_tls_sslmode',
      `${mode} needs client_tls_ca_file, which certificates of clients are held against`,
    );
  for (const [name, key] of [
    ['client_tls_ca_file', client_tls_ca_file],
    ['client_tls_cert_file', client_tls_cert_file],
  ] as const)
    if (mode === 'disable' && key !== '')
      warnings.add(placeOf(root, name), name, 'has no effect: client_tls_sslmode is disable');
  for (const key of ['client_tls_protocols', 'server_tls_protocols'] as const) {
    const problem = tlsVersions(settings[key]);
    if (typeof problem === 'string') errors.add(placeOf(root, key), key, problem);
  }
  const { server_tls_cert_file: cert, server_tls_key_file: key } = settings;
  if ((cert === '') !== (key === ''))
    errors.add(
      placeOf(root, 'server_tls_cert_file', 'server_tls_key_file'),
      cert === '' ? 'server_tls_key_file' : 'server_tls_cert_file',
      'server_tls_cert_file and server_tls_key_file belong together',
    );
  for (const overrides of [settings, ...[...databases.values()].map((entry) => entry.overrides)]) {
    const { server_tls_sslnegotiation: how = settings.server_tls_sslnegotiation } = overrides;
    const { server_tls_sslmode: sslmode = settings.server_tls_sslmode } = overrides;
    if (how !== 'direct' || /^(require|verify-ca|verify-full)$/.test(sslmode)) continue;
    // libpq: "weak sslmode ... may not be used with sslnegotiation=direct".
    const what = `direct needs server_tls_sslmode require or stricter, not ${sslmode}: there is nothing to fall back to`;
    errors.add(placeOf(root, 'server_tls_sslnegotiation', 'databases'), 'server_tls_sslnegotiation', what);
  }
}

export function checkHba({ root, settings, hba }: Parts, { errors, warnings }: Findings): void {
  const { auth_type, auth_hba_file, client_tls_sslmode, client_tls_ca_file } = settings;
  const place = placeOf(root, 'auth_type');
  if (auth_type === 'hba' && auth_hba_file === '') errors.add(place, 'auth_type', 'hba needs auth_hba_file');
  if (auth_type !== 'hba' && auth_hba_file !== '')
    warnings.add(placeOf(root, 'auth_hba_file'), 'auth_hba_file', `has no effect: auth_type is ${auth_type}`);
  const wantsCertificate = hba?.rules.find(({ clientCert }) => clientCert !== null);
  const isCert = auth_type === 'cert' || wantsCertificate !== undefined;
  if (isCert && (client_tls_sslmode === 'disable' || client_tls_ca_file === '')) {
    const where = wantsCertificate === undefined ? 'cert' : `line ${wantsCertificate.line} of auth_hba_file`;
    const what = `${where} needs client_tls_sslmode and client_tls_ca_file: a client certificate is only checked against them`;
    errors.add(place, 'auth_type', what);
  }
  if (hba === null) return;
  const filePlace = placeOf(root, 'auth_hba_file');
  const warn = (line: number, what: string) => warnings.add(filePlace, 'auth_hba_file', `line ${line}: ${what}`);
  const encrypted = hba.rules.find(({ type }) => type === 'hostssl');
  if (encrypted !== undefined && client_tls_sslmode === 'disable')
    warn(encrypted.line, 'hostssl record cannot match because client_tls_sslmode is disable');
  const isOpen = settings.listen_addr.some((address) => !isLoopback(address));
  const trusting = hba.rules.find(
    ({ method, address }) => method === 'trust' && address !== null && isAnywhere(address),
  );
  if (isOpen && trusting !== undefined)
    warn(trusting.line, 'trust for every address, and listen_addr can be reached from outside');
}

function isAnywhere(address: HbaAddress): boolean {
  return address.kind === 'all' || (address.kind === 'block' && address.mask.every((byte) => byte === 0));
}
