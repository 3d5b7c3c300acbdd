// Rules: the application's own pools, where the command line tells of them.
import { distinct } from '../demand.ts';
import type { Facts } from '../facts.ts';
import type { Finding } from '../finding.ts';

export function applicationRules({ told, settings, pools }: Facts): Finding[] {
  if (told.appPoolSize === null) return [];
  const total = told.appPoolSize * told.appInstances;
  const sum = `${told.appInstances} x ${told.appPoolSize} = ${total} connections of the application`;
  const findings: Finding[] = [];
  const add = (rest: Omit<Finding, 'severity'>, severity: Finding['severity'] = 'error') =>
    findings.push({ severity, ...rest });
  const ordinary = distinct(pools).filter(({ isAsking }) => !isAsking);
  // Nobody has said how many of them go where.
  const isOne = ordinary.length === 1;
  const all = isOne ? sum : `${sum}, if all of them are of this pool`;
  const severity = isOne ? 'error' : 'warning';
  if (total > settings.max_client_conn)
    add({
      rule: 'app-over-max-client-conn',
      about: 'application',
      fact: `${sum}; max_client_conn is ${settings.max_client_conn}`,
      consequence: `${total - settings.max_client_conn} of them are refused (53300).`,
      change: `max_client_conn: ${total + 10}`,
    });
  for (const { database, user, settings: own } of ordinary) {
    const about = `pool ${database}/${user}`;
    for (const name of ['max_db_client_connections', 'max_user_client_connections'] as const)
      if (own[name] > 0 && total > own[name])
        add(
          {
            rule: 'app-over-client-limit',
            about,
            fact: `${all}; ${name} is ${own[name]}`,
            consequence: 'What is above that is refused (53300).',
            change: `${name}: ${total}`,
          },
          severity,
        );
    if (own.pool_mode === 'session' && total > own.pool_size)
      add(
        {
          rule: 'session-mode-too-small',
          about,
          fact: `${all}; pool_mode is session and the pool has ${own.pool_size} servers`,
          consequence:
            'A connection keeps its server until it is closed: the others wait until query_wait_timeout and fail.',
          change: 'pool_mode: transaction',
        },
        severity,
      );
    if (own.min_pool_size > total)
      add(
        {
          rule: 'more-servers-than-clients',
          about,
          fact: `${sum}; min_pool_size keeps ${own.min_pool_size} servers`,
          consequence: `${own.min_pool_size - total} servers can never be in use.`,
          change: `min_pool_size: ${total}`,
        },
        'warning',
      );
    else if (own.pool_size > total)
      add(
        {
          rule: 'more-servers-than-clients',
          about,
          fact: `${sum}; the pool may have ${own.pool_size} servers`,
          consequence: 'Nothing is lost: the rest is never opened. It counts against max_connections all the same.',
          change: `databases: { ${database}: { pool_size: ${total} } }`,
        },
        'note',
      );
  }
  return findings;
}
