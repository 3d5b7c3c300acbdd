// Which pools a configuration may come to have: pairs of database and user, as far as it names them.

import { parseSecret } from '../../auth/secret.ts';
import { type Config, type DatabaseTarget, findDatabase, type HostAddress, secretFor } from '../../config/config.ts';
import { type EffectiveSettings, effectiveSettings } from '../../config/effective.ts';
import type { PoolFacts, Unchecked } from '../facts.ts';

/** So many logins are tried at most. */
const MAX_POOLS = 200;

export interface Candidate {
  readonly target: DatabaseTarget;
  /** One of the target's: each of them is looked at. */
  readonly address: HostAddress;
  readonly user: string;
  readonly settings: EffectiveSettings;
  readonly password: string | null;
  readonly secret: PoolFacts['secret'];
  readonly storedSecret: string | null;
  /** The login of auth_user, which runs auth_query. */
  readonly isAsking: boolean;
}

export function candidatesOf(config: Config): { candidates: Candidate[]; unchecked: Unchecked[] } {
  const found = new Map<string, Candidate>();
  const unchecked: Unchecked[] = [];
  const askers = new Set<string>();
  for (const name of config.databases.keys()) {
    const { auth_user } = effectiveSettings(config, name, '');
    if (auth_user !== '') askers.add(auth_user);
  }
  for (const [name, entry] of config.databases) {
    const about = `databases.${name}`;
    if (name === '*' && entry.dbname === null) {
      const how = 'give the databases that matter an entry of their own, with the same host';
      unchecked.push({ about, why: 'which databases "*" comes to stand for is not known', how });
      continue;
    }
    const target = findDatabase(config, name)!;
    const users = target.forcedUser === null ? ordinaryUsers(config, askers) : [target.forcedUser];
    if (users.length === 0) {
      const why = 'no user is named: who logs in, and how many pools that makes, is not known';
      unchecked.push({ about, why, how: `databases: { ${name}: { user: … } }, or users: with those who log in` });
    }
    for (const user of users) add(found, config, target, user, false);
    const { auth_user, auth_dbname } = effectiveSettings(config, name, '');
    const asked = auth_user === '' ? null : findDatabase(config, auth_dbname === '' ? name : auth_dbname);
    if (asked !== null) add(found, config, asked, auth_user, true);
  }
  const candidates = [...found.values()];
  if (candidates.length > MAX_POOLS) {
    const why = `${candidates.length} pairs of database and user: the logins of the first ${MAX_POOLS} were tried`;
    unchecked.push({ about: 'databases', why, how: 'a copy of the file with those that matter' });
  }
  return { candidates: candidates.slice(0, MAX_POOLS), unchecked };
}

function ordinaryUsers(config: Config, askers: ReadonlySet<string>): string[] {
  return [...new Set([...config.secrets.keys(), ...config.users.keys()])].filter((user) => !askers.has(user));
}

function add(found: Map<string, Candidate>, config: Config, target: DatabaseTarget, user: string, isAsking: boolean) {
  const stored = target.forcedUser === user ? target.forcedPassword : secretFor(config, user);
  const secret = stored === null ? null : parseSecret(stored);
  for (const address of target.addresses) {
    const key = JSON.stringify([target.name, user, address]);
    if (found.has(key)) continue;
    found.set(key, {
      target,
      address,
      user,
      settings: effectiveSettings(config, target.name, user),
      password: secret?.kind === 'plain' ? secret.password : null,
      secret: secret?.kind ?? 'none',
      storedSecret: secret?.kind === 'scram' || secret?.kind === 'md5' ? stored : null,
      isAsking,
    });
  }
}
