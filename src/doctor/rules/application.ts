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
  if (total > settings.max_client_conn)
    add({
      rule: 'app-over-max-client-conn',
      about: 'application',
      fact: `${sum}; max_client_conn is ${settings.max_client_conn}`,
      consequence: `${total - settings.max_client_conn} of them are refused (53300).`,
      change: `max_client_conn: ${total + 10}`,
    });
  for (const { database, user, settings: own, isAsking } of distinct(pools)) {
    if (isAsking) continue;
    const about = `pool ${database}/${user}`;
    for (const name of ['max_db_client_connections', 'max_user_client_connections'] as const)
      if (own[name] > 0 && total > own[name])
        add({
          rule: 'app-over-client-limit',
          about,
          fact: `${sum}; ${name} is ${own[name]}`,
          consequence: 'What is above that is refused (53300).',
          change: `${name}: ${total}`,
        });
    if (own.pool_mode === 'session' && total > own.pool_size)
      add({
        rule: 'session-mode-too-small',
        about,
        fact: `${sum}; pool_mode is session and the pool has ${own.pool_size} servers`,
        consequence:
          'A connection keeps its server until it is closed: the others wait until query_wait_timeout and fail.',
        change: 'pool_mode: transaction',
      });
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
          change: `default_pool_size: ${total}`,
        },
        'note',
      );
  }
  return findings;
}
