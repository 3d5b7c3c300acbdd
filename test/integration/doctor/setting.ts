// A sound configuration and a Postgres that it fits, in which the doctor's tests plant what is wrong.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import type { EmbeddedPostgres } from '../../../src/cli/demo/embedded-postgres.ts';
import { doctor } from '../../../src/cli/doctor.ts';
import type { Finding } from '../../../src/doctor/finding.ts';
import { queryOn } from '../../support/postgres.ts';

export interface Case {
  /** The rule that has to find it, and how bad it is. */
  readonly rule: string;
  readonly severity: Finding['severity'];
  /** In the fact: the numbers. */
  readonly says: RegExp;
  readonly sql?: readonly string[];
  readonly undo?: readonly string[];
  /** pg_hba.conf. */
  readonly hba?: string[];
  /** Over the sound settings. */
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly database?: Readonly<Record<string, unknown>>;
  readonly users?: Readonly<Record<string, unknown>>;
  readonly told?: Readonly<{ replicas?: number; appPoolSize?: number; appInstances?: number }>;
  /** Files of /sys and /proc. */
  readonly machine?: Readonly<Record<string, string>>;
}

/** What is asked of the machine, and fits. */
export const MACHINE = {
  'sys/fs/cgroup/memory.max': '536870912\n',
  'sys/fs/cgroup/cpu.max': '100000 100000\n',
  'proc/sys/net/core/somaxconn': '4096\n',
};

/** The roles and the database of the sound set-up. */
export async function prepare(postgres: EmbeddedPostgres): Promise<void> {
  await onPostgres(postgres, "CREATE ROLE web LOGIN PASSWORD 'web'", 'CREATE DATABASE shop OWNER web');
  await onPostgres(postgres, "CREATE ROLE asker LOGIN PASSWORD 'asker'");
}

export async function onPostgres(postgres: EmbeddedPostgres, ...statements: readonly string[]): Promise<void> {
  const { host, port, user, password } = postgres;
  for (const sql of statements) {
    // What is granted on a catalog holds in the one database that it was granted in.
    const database = / ON (FUNCTION )?pg_/.test(sql) ? 'shop' : 'postgres';
    await queryOn({ host, port, user, password, database }, sql);
  }
}

export interface Diagnosis {
  readonly code: number;
  readonly findings: readonly Finding[];
  readonly out: string;
  readonly err: string;
}

/** Runs the doctor as the command does, in `directory`. */
export async function examine(
  postgres: EmbeddedPostgres,
  directory: string,
  { settings = {}, database = {}, users = {}, told = {}, machine = {} }: Partial<Case> = {},
  json = true,
): Promise<Diagnosis> {
  const root = join(directory, 'root');
  for (const [name, text] of Object.entries(machine)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  const file = join(directory, 'pgsluice.yaml');
  const { host, port } = postgres;
  const entry = { host, port, user: 'web', password: 'web', ...database };
  writeFileSync(
    file,
    stringify({
      max_client_conn: 1000,
      ...settings,
      databases: { shop: entry },
      users: { web: { password: 'web' }, ...users },
    }),
  );
  let out = '';
  let err = '';
  const options = { replicas: 1, appPoolSize: null, appInstances: 1, ...told, json, root };
  const code = await doctor(file, options, { write: (text) => (out += text) }, { write: (text) => (err += text) });
  const findings = json && out !== '' ? (JSON.parse(out) as { findings: Finding[] }).findings : [];
  return { code, findings, out, err };
}
