// Rules: open files, processor and memory of the container against the clients that may come.
import { distinct } from '../demand.ts';
import type { Facts } from '../facts.ts';
import type { Finding } from '../finding.ts';

/** As src/client/clients.ts keeps them for ourselves. */
const OWN_FILES = 64;
const MB = 1024 * 1024;
/** A rule of thumb, on the safe side: Node itself, and buffers and objects of one client. */
const BASE_MB = 128;
const CLIENT_KB = 40;

export function machineRules({ settings, pools, host }: Facts): Finding[] {
  const findings: Finding[] = [];
  const { max_client_conn: clients, listen_backlog: backlog } = settings;
  const servers = distinct(pools).reduce((total, pool) => total + pool.settings.pool_size, 0);
  const files = clients + servers + OWN_FILES;
  if (host.openFiles !== null && files > host.openFiles)
    findings.push({
      rule: 'open-files',
      severity: 'warning',
      about: 'machine',
      fact: `max_client_conn ${clients} + ${servers} servers + ${OWN_FILES} of our own = ${files} open files; the limit is ${host.openFiles}`,
      consequence: 'pgsluice lets in fewer clients than max_client_conn says.',
      change: `max_client_conn: ${Math.max(1, host.openFiles - servers - OWN_FILES)}  # or ulimit -Hn, LimitNOFILE=`,
    });
  const memory = BASE_MB + Math.ceil((clients * CLIENT_KB) / 1024);
  if (host.memory !== null && memory * MB > host.memory)
    findings.push({
      rule: 'memory',
      severity: 'warning',
      about: 'machine',
      fact: `${BASE_MB} MB + max_client_conn ${clients} x ${CLIENT_KB} kB = about ${memory} MB; the container may have ${Math.floor(host.memory / MB)} MB`,
      consequence: 'With so many clients the kernel may kill pgsluice for its memory.',
      change: `max_client_conn: ${Math.max(10, Math.floor(((host.memory / MB - BASE_MB) * 1024) / CLIENT_KB))}`,
    });
  if (host.cpus !== null && host.cpus < 0.5)
    findings.push({
      rule: 'cpu-quota',
      severity: 'warning',
      about: 'machine',
      fact: `the container may use ${host.cpus} of a core`,
      consequence: `In each 100 ms it stands still when ${Math.round(host.cpus * 100)} ms are used up, and every client waits for that long.`,
      change: 'resources: { requests: { cpu: 500m } }  # and no limit, or one of 1',
    });
  if (host.somaxconn !== null && host.somaxconn < backlog)
    findings.push({
      rule: 'backlog',
      severity: 'note',
      about: 'machine',
      fact: `listen_backlog is ${backlog}, net.core.somaxconn is ${host.somaxconn}`,
      consequence:
        'The kernel holds fewer new connections; a burst beyond that waits a second for the next try of TCP.',
      change: `sysctl net.core.somaxconn=${backlog}`,
    });
  return findings;
}
