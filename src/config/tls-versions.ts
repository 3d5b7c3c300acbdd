// client_tls_protocols and server_tls_protocols: which versions of TLS they mean.

export interface TlsVersions {
  readonly min: 'TLSv1.2' | 'TLSv1.3';
  readonly max: 'TLSv1.2' | 'TLSv1.3';
}

/** Or why not. PgBouncer: tls_config_parse_protocols. */
export function tlsVersions(protocols: string): TlsVersions | string {
  let [has12, has13] = [false, false];
  for (const part of protocols
    .trim()
    .toLowerCase()
    .split(/[\s,:]+/)) {
    if (/^(secure|all|default|legacy)$/.test(part)) [has12, has13] = [true, true];
    else if (part === 'tlsv1.2') has12 = true;
    else if (part === 'tlsv1.3') has13 = true;
    else if (/^tlsv1(\.[01])?$/.test(part)) return `${part} is not safe and not supported (RFC 8996)`;
    else return `"${part}" is no version of TLS: use tlsv1.2, tlsv1.3 or secure`;
  }
  return { min: has12 ? 'TLSv1.2' : 'TLSv1.3', max: has13 ? 'TLSv1.3' : 'TLSv1.2' };
}
