// Facts as the doctor might have gathered them, for tests of rules that have no second machine, no old Postgres and no rights to take away.
import { effectiveSettings } from '../../../src/config/effective.ts';
import { parseConfig } from '../../../src/config/load.ts';
import {
  type CatalogFacts,
  type Facts,
  type HostFacts,
  type LoginFacts,
  NOTHING_SEEN,
  type PoolFacts,
  type ServerFacts,
  type SessionFacts,
} from '../../../src/doctor/facts.ts';

export const YAML = `
databases:
  a: { host: db, pool_size: 10 }
  b: { host: db, pool_size: 5, max_db_connections: 6 }
users: { u: { password: x }, v: { password: x, max_user_connections: 4 } }
`;

/** PostgreSQL 18 as it comes, but that it notices a vanished client. */
export const VALUES: Readonly<Record<string, string>> = {
  client_connection_check_interval: '10000',
  default_transaction_read_only: 'off',
  idle_in_transaction_session_timeout: '0',
  idle_session_timeout: '0',
  max_connections: '100',
  password_encryption: 'scram-sha-256',
  plan_cache_mode: 'auto',
  reserved_connections: '0',
  statement_timeout: '0',
  superuser_reserved_connections: '3',
  tcp_keepalives_count: '3',
  tcp_keepalives_idle: '60',
  tcp_keepalives_interval: '10',
  transaction_timeout: '0',
};

export const SEEN: CatalogFacts = {
  sessions: [],
  roles: new Map(),
  secrets: new Map(),
  databases: new Map(),
  hbaErrors: [],
  denied: {},
};

export interface Given {
  readonly yaml?: string;
  readonly server?: Partial<ServerFacts>;
  readonly session?: Partial<Omit<SessionFacts, 'values'>>;
  /** Over VALUES; null: not there. */
  readonly values?: Readonly<Record<string, string | null>>;
  readonly login?: LoginFacts;
  readonly pool?: Partial<PoolFacts>;
  readonly host?: Partial<HostFacts>;
}

export function factsOf({
  yaml = YAML,
  server = {},
  session = {},
  values = {},
  login,
  pool = {},
  host = {},
}: Given = {}) {
  const result = parseConfig(yaml);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  const { config } = result;
  const known = Object.entries({ ...VALUES, ...values }).filter(
    (entry): entry is [string, string] => entry[1] !== null,
  );
  const done: LoginFacts = {
    kind: 'done',
    session: {
      isEncrypted: true,
      proof: 'scram',
      major: 18,
      isInRecovery: false,
      values: new Map(known),
      valuesDenied: null,
      connectQueryError: null,
      authQueryError: null,
      ...session,
    },
  };
  const poolOf = (database: string, user: string): PoolFacts => ({
    database,
    user,
    dbname: database,
    server: 'db:5432',
    settings: effectiveSettings(config, database, user),
    secret: 'plain',
    storedSecret: null,
    isAsking: false,
    login: login ?? done,
    ...pool,
  });
  const db: ServerFacts = {
    key: 'db:5432',
    host: 'db',
    port: 5432,
    isRemote: true,
    lookup: null,
    unreached: null,
    tls: { kind: 'unchecked' },
    catalog: login === undefined ? SEEN : NOTHING_SEEN,
    ...server,
  };
  const facts: Facts = {
    told: { replicas: 2, appPoolSize: null, appInstances: 1 },
    settings: config.settings,
    pools: [...config.databases.keys()].flatMap((name) => [...config.users.keys()].map((user) => poolOf(name, user))),
    servers: new Map([[db.key, db]]),
    host: { openFiles: 20_000, hasCgroup: true, cpus: null, memory: null, somaxconn: 4_096, ...host },
    ownCertificate: null,
    now: 0,
    unchecked: [],
  };
  return facts;
}
