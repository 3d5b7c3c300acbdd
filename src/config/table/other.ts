// Keys of PgBouncer that have no row in the settings table, each with what becomes of it. None is ignored in silence.
import type { Scope } from './row.ts';

/** `no_effect`: accepted, with a warning that says why. `later` and `refused`: an error that says why. */
export type Fate = 'no_effect' | 'later' | 'refused';

export interface OtherSetting {
  readonly fate: Fate;
  /** The end of a sentence that starts with the key. */
  readonly why: string;
  /** Values that mean "off" and are accepted without a word, in lower case. */
  readonly accepts?: readonly string[];
  /** Default: global only. */
  readonly scope?: readonly Scope[];
  /** An ini may have it all the same, with a warning: it does little, or what it belongs to is told. Default: only what has no effect. */
  readonly ini?: 'dropped';
}

const syslogNone = {
  fate: 'no_effect',
  why: 'the log goes to standard output, where the service manager or the container engine takes it',
} as const;
const windowsNone = { fate: 'no_effect', why: 'it names a Windows service, which pgsluice is not' } as const;

export const otherSettings: Readonly<Record<string, OtherSetting>> = {
  auth_ldap_options: { fate: 'refused', why: 'LDAP is not supported', ini: 'dropped' },
  client_tls_dheparams: {
    fate: 'no_effect',
    why: 'keys are exchanged over elliptic curves only: client_tls_ecdhcurve',
  },
  conffile: { fate: 'refused', why: 'the file is given on the command line: --config FILE', ini: 'dropped' },
  dns_zone_check_period: {
    fate: 'no_effect',
    why: 'each name is looked up again after dns_max_ttl, whatever the serial number of its zone is',
  },
  job_name: windowsNone,
  login_notify_message: {
    fate: 'later',
    why: 'a notice at login is not in this version yet',
    accepts: [''],
    ini: 'dropped',
  },
  pkt_buf: { fate: 'no_effect', why: 'chunks are relayed as they arrive: there is no packet buffer to size' },
  reserve_pool: { fate: 'refused', why: 'it is called reserve_pool_size', scope: ['database'] },
  resolv_conf: { fate: 'no_effect', why: 'names are looked up by the resolver of the system' },
  sbuf_loopcnt: { fate: 'no_effect', why: 'the event loop of Node decides how much is read from one socket at a time' },
  scram_iterations: {
    fate: 'no_effect',
    why: 'a plain secret is made a SCRAM secret with 4096 iterations, as Postgres does by default; a stored SCRAM secret carries its own number',
  },
  service_name: windowsNone,
  suspend_timeout: { fate: 'no_effect', why: 'SUSPEND does not exist, as in PgBouncer since 1.26; use so_reuseport' },
  syslog: syslogNone,
  syslog_facility: syslogNone,
  syslog_ident: syslogNone,
  tcp_defer_accept: { fate: 'no_effect', why: 'Node has no such socket option' },
  tcp_socket_buffer: {
    fate: 'no_effect',
    why: 'Node has no such socket option; the system sizes the buffers of TCP itself',
  },
  track_extra_parameters: { fate: 'no_effect', why: 'every parameter that the server reports is tracked' },
  verbose: { fate: 'refused', why: 'use log_level: debug' },
};

/** What becomes of the key in this scope; null when it is not one of PgBouncer's there. */
export function otherSetting(key: string, scope: Scope): OtherSetting | null {
  const other = Object.hasOwn(otherSettings, key) ? otherSettings[key] : undefined;
  return other && (other.scope ?? ['global']).includes(scope) ? other : null;
}
