// Rules: open files, processor and backlog of the machine against the clients that may come.
import { distinct, sizeOf } from '../demand.ts';
import type { Facts } from '../facts.ts';
import type { Finding } from '../finding.ts';
import { memoryRules } from './memory.ts';

/** As src/client/clients.ts keeps them for ourselves. */
const OWN_FILES = 64;

export function machineRules(facts: Facts): Finding[] {
  const { settings, pools, host } = facts;
  const findings: Finding[] = [];
  const { max_client_conn: clients, listen_backlog: backlog } = settings;
  const servers = distinct(pools).reduce((total, pool) => total + sizeOf(pool), 0);
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
  findings.push(...memoryRules(facts));
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
