// Rules: what the hosts are, and how their names are found.
import type { Facts } from '../facts.ts';
import type { Finding } from '../finding.ts';

/** A lookup that takes longer is felt at each new connection. */
const SLOW_LOOKUP_MS = 250;

export function hostRules(facts: Facts): Finding[] {
  const findings: Finding[] = [];
  for (const { key, host, lookup } of facts.servers.values()) {
    if (lookup === null) continue;
    if ('error' in lookup)
      findings.push({
        rule: 'dns',
        severity: 'error',
        about: key,
        fact: `the name ${host} is not found: ${lookup.error}`,
        consequence: 'No server can be opened: every client waits and fails.',
        change: 'databases: { NAME: { host: … } }',
      });
    else if (lookup.ms > SLOW_LOOKUP_MS)
      findings.push({
        rule: 'dns-slow',
        severity: 'warning',
        about: key,
        fact: `the name ${host} was found after ${Math.round(lookup.ms)} ms (${lookup.addresses.join(', ')})`,
        consequence: 'Each new server connection takes so much longer.',
        change: `databases: { NAME: { host: ${host}. } }  # the dot at the end leaves out search domains`,
      });
  }
  for (const { database, user, login, settings } of facts.pools) {
    if (login.kind !== 'done') continue;
    const { isInRecovery, values } = login.session;
    const about = `pool ${database}/${user}`;
    // Any other wish than one that wants to write is content with a standby.
    const wish = (settings as { target_session_attrs?: string }).target_session_attrs ?? 'read-write';
    if ((isInRecovery || values.get('default_transaction_read_only') === 'on') && /^(read-write|primary)$/.test(wish))
      findings.push({
        rule: isInRecovery ? 'standby' : 'read-only',
        severity: 'warning',
        about,
        fact: isInRecovery
          ? 'this Postgres is a standby (pg_is_in_recovery)'
          : 'default_transaction_read_only is on for this role or database',
        consequence: 'Every statement that writes fails (25006).',
        change: isInRecovery
          ? 'databases: { NAME: { host: the-primary } }'
          : `ALTER ROLE ${user} RESET default_transaction_read_only  # or the same of the database`,
      });
    const plan = values.get('plan_cache_mode');
    if (plan !== undefined && plan !== 'auto' && settings.max_prepared_statements > 0)
      findings.push({
        rule: 'plan-cache-mode',
        severity: 'warning',
        about,
        fact: `plan_cache_mode is ${plan}, max_prepared_statements is ${settings.max_prepared_statements}`,
        consequence:
          plan === 'force_custom_plan'
            ? 'Each execution of a prepared statement is planned anew: sharing them saves the parsing only.'
            : 'Prepared statements are planned without their values: those with uneven data may get much slower.',
        change: `ALTER ROLE ${user} RESET plan_cache_mode  # or the same of the database or in postgresql.conf`,
      });
  }
  return findings;
}
