// Who is measured: pgsluice, the peers that are found, and the straight connection; all in front of the same Postgres with the same pool.
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Certificate } from '../../test/support/certificates.ts';
import { freePort, startCommand, type Target } from '../../test/support/command.ts';
import { findPgbouncer, startPgbouncer } from '../../test/support/pgbouncer.ts';
import { queryOn } from '../../test/support/postgres.ts';
import { findTool } from '../../test/support/tools.ts';
import { waitUntil } from '../../test/support/wait-until.ts';

/** x2: two processes that serve, on one port. */
export type Name = 'straight' | 'pgsluice' | 'pgsluice x2' | 'PgBouncer' | 'PgBouncer x2' | 'Odyssey' | 'pgagroal';

export interface Contender extends Target {
  readonly name: Name;
  /** Null: there is nobody between. */
  readonly pid: number | null;
  /** Processes that are not its children. */
  readonly others?: readonly number[];
  stop(): Promise<void>;
}

export interface Wishes {
  readonly poolSize: number;
  readonly maxClients: number;
  /** How clients prove who they are. verifier: SCRAM against a stored verifier; plain: SCRAM against a stored password. */
  readonly auth: 'trust' | 'verifier' | 'plain';
  /** Postgres' own SCRAM verifier of the user. */
  readonly verifier: string;
  /** What clients are encrypted with; null: they are not. */
  readonly certificate: Certificate | null;
  /** Of pgsluice: another checkout. */
  readonly tree: string;
}

type Start = (postgres: Target, wishes: Wishes) => Promise<Contender | null>;

const pgsluice =
  (name: Name, workers: number): Start =>
  async (postgres, wishes) => {
    const { poolSize, maxClients, auth, verifier, certificate, tree } = wishes;
    const settings = {
      ...(workers > 1 && { workers }),
      default_pool_size: poolSize,
      max_client_conn: maxClients,
      auth_type: auth === 'trust' ? 'trust' : 'scram-sha-256',
      users: { [postgres.user]: { password: auth === 'verifier' ? verifier : postgres.password } },
      databases: { [postgres.database]: backendOf(postgres) },
      ...(certificate !== null && {
        client_tls_sslmode: 'allow',
        client_tls_cert_file: certificate.certFile,
        client_tls_key_file: certificate.keyFile,
      }),
    };
    const command = await startCommand(postgres, settings, null, join(resolve(tree), 'src/cli/pgsluice.ts'));
    return { ...command, name, pid: command.child.pid! };
  };

const backendOf = ({ host, port, user, password }: Target) => ({ host, port, user, password });

/** What a process more is told: the port of the first, and how cancel requests find their client. */
type Together = Readonly<Record<string, string | number>>;

const startBouncer = async (postgres: Target, wishes: Wishes, together: Together = {}) => {
  const { poolSize, maxClients, auth, verifier, certificate } = wishes;
  const path = findPgbouncer();
  if (path === null) return null;
  const settings = {
    ...together,
    default_pool_size: poolSize,
    max_client_conn: maxClients,
    auth_type: auth === 'trust' ? 'trust' : 'scram-sha-256',
    ...(certificate !== null && {
      client_tls_sslmode: 'allow',
      client_tls_cert_file: certificate.certFile,
      client_tls_key_file: certificate.keyFile,
    }),
  };
  const secret = auth === 'verifier' ? { [postgres.user]: verifier } : {};
  return { ...(await startPgbouncer(path, postgres, settings, secret)), name: 'PgBouncer' as Name };
};

/** Each has half of the pool: its limits are its own. */
const startTwoBouncers: Start = async (postgres, wishes) => {
  const half = { ...wishes, poolSize: wishes.poolSize / 2 };
  const together = { so_reuseport: 1, listen_port: await freePort() };
  const first = await startBouncer(postgres, half, together);
  const second = first === null ? null : await startBouncer(postgres, half, together);
  if (first === null || second === null) return null;
  const stop = async () => void (await Promise.all([first.stop(), second.stop()]));
  return { ...first, port: together.listen_port, name: 'PgBouncer x2', others: [second.pid], stop };
};

/** Files and a port of its own, as the user that is no root. */
async function startPeer(name: Name, program: string, files: Files, args: (dir: string) => string[], target: Target) {
  const dir = mkdtempSync(join(tmpdir(), `pgsluice-${name}-`));
  chmodSync(dir, 0o777);
  const port = await freePort();
  for (const [file, text] of Object.entries(files(dir, port))) {
    writeFileSync(join(dir, file), text, { mode: 0o600 });
    if (process.getuid?.() === 0) chmodSync(join(dir, file), 0o644);
  }
  const owner = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
  const child = spawn(program, args(dir), { stdio: 'ignore', env: { ...process.env, HOME: dir }, ...owner });
  child.once('error', () => {});
  const address = { ...target, host: '127.0.0.1', port };
  const stop = async () => {
    const ended = new Promise((done) => child.once('exit', done));
    if (child.exitCode === null && child.kill('SIGTERM')) await Promise.race([ended, waitUntil(() => child.exitCode)]);
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    await waitUntil(() => queryOn(address, 'SELECT 1'), { timeoutMs: 5_000, what: `a query through ${name}` });
  } catch (error) {
    await stop();
    console.error(`${name} is left out: ${(error as Error).message}`);
    return null;
  }
  return { ...address, name, pid: child.pid!, stop };
}

type Files = (dir: string, port: number) => Record<string, string>;

const startOdyssey: Start = (postgres, { poolSize, maxClients, auth, certificate }) => {
  const program = process.env.ODYSSEY || findTool('odyssey');
  if (program === null || certificate !== null) return Promise.resolve(null);
  const { host, port, user, password, database } = postgres;
  const proof = auth === 'trust' ? 'authentication "none"' : `authentication "scram-sha-256"\n password "${password}"`;
  const files: Files = (dir, own) => ({
    'odyssey.conf': `daemonize no
pid_file "${dir}/odyssey.pid"
locks_dir "${dir}"
unix_socket_dir "${dir}"
unix_socket_mode "0644"
log_format "%p %t %l [%i %s] (%c) %m\\n"
log_to_stdout no
log_session no
workers 1
client_max ${maxClients}
listen { host "127.0.0.1" port ${own} }
storage "postgres" { type "remote" host "${host}" port ${port} }
database "${database}" { user "${user}" {
 ${proof}
 storage "postgres"
 storage_db "${database}"
 storage_user "${user}"
 storage_password "${password}"
 pool "transaction"
 pool_size ${poolSize}
 pool_reserve_prepared_statement yes
} }
`,
  });
  return startPeer('Odyssey', program, files, (dir) => [join(dir, 'odyssey.conf')], postgres);
};

const startAgroal: Start = (postgres, { poolSize, auth, certificate }) => {
  const program = process.env.PGAGROAL || findTool('pgagroal');
  if (program === null || certificate !== null || auth !== 'trust') return Promise.resolve(null);
  const { host, port, user, database } = postgres;
  const files: Files = (dir, own) => ({
    'pgagroal.conf': `[pgagroal]
host = 127.0.0.1
port = ${own}
log_type = file
log_path = ${dir}/log
log_level = fatal
max_connections = ${poolSize}
validation = off
unix_socket_dir = ${dir}
pipeline = transaction
[primary]
host = ${host}
port = ${port}
`,
    'hba.conf': 'host all all all trust\n',
    'databases.conf': `${database} ${user} ${poolSize} ${poolSize} 1\n`,
    'users.conf': '',
  });
  const args = (dir: string) =>
    ['-c', 'pgagroal.conf', '-a', 'hba.conf', '-l', 'databases.conf'].map((arg) =>
      arg.endsWith('.conf') ? join(dir, arg) : arg,
    );
  return startPeer('pgagroal', program, files, args, postgres);
};

const startStraight: Start = (postgres) =>
  Promise.resolve({ ...postgres, name: 'straight', pid: null, stop: () => Promise.resolve() });

/** In this order a round begins. */
export const STARTS: Readonly<Record<Name, Start>> = {
  pgsluice: pgsluice('pgsluice', 1),
  'pgsluice x2': pgsluice('pgsluice x2', 2),
  PgBouncer: startBouncer,
  'PgBouncer x2': startTwoBouncers,
  Odyssey: startOdyssey,
  pgagroal: startAgroal,
  straight: startStraight,
};
