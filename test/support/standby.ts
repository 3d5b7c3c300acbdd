// A primary and its standby: two clusters with streaming replication between them, which change places when a test says so.
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/cli/demo/embedded-postgres.ts';
import { queryOn, startPrivatePostgres } from './postgres.ts';
import { testMajor } from './test-major.ts';
import { waitUntil } from './wait-until.ts';

const SETTINGS = { wal_keep_size: '256MB', max_wal_senders: '4', hot_standby: 'on' };

export class PostgresPair {
  primary: EmbeddedPostgres;
  standby: EmbeddedPostgres;
  readonly #copy: string;

  constructor(primary: EmbeddedPostgres, standby: EmbeddedPostgres) {
    this.primary = primary;
    this.standby = standby;
    this.#copy = standby.dataDir;
  }

  /** Asks one of the two directly. */
  on(server: EmbeddedPostgres, sql: string): Promise<Record<string, unknown>[]> {
    return queryOn(addressOf(server), sql);
  }

  /** The standby takes writes from now on. Resolves with the moment at which it does. */
  async promote(): Promise<number> {
    await this.on(this.standby, 'SELECT pg_promote(false)');
    const isPrimary = async () => (await this.on(this.standby, 'SELECT NOT pg_is_in_recovery() AS ok'))[0]?.ok;
    await waitUntil(isPrimary, { everyMs: 2, timeoutMs: 20_000, what: 'the standby to be promoted' });
    const at = performance.now();
    [this.primary, this.standby] = [this.standby, this.primary];
    return at;
  }

  /** The one that was stopped follows the other. Only behind an orderly stop: else it may have what the other has not. */
  async follow(): Promise<void> {
    signal(this.standby.dataDir);
    await this.standby.restart({ primary_conninfo: conninfo(this.primary) });
    await this.caughtUp();
  }

  /** The standby has all that the primary has written. */
  async caughtUp(): Promise<void> {
    const [row] = await this.on(this.primary, 'SELECT pg_current_wal_lsn()::text AS lsn');
    await waitUntil(
      async () => (await this.on(this.standby, `SELECT pg_last_wal_replay_lsn() >= '${row?.lsn}' AS ok`))[0]?.ok,
      { timeoutMs: 20_000, what: 'the standby to catch up' },
    );
  }

  async stop(): Promise<void> {
    await Promise.all([this.primary.stop('immediate'), this.standby.stop('immediate')]);
    rmSync(this.#copy, { recursive: true, force: true });
  }
}

function addressOf({ host, port, user, password }: EmbeddedPostgres) {
  return { host, port, user, password, database: 'postgres' };
}

function conninfo({ host, port, user, password }: EmbeddedPostgres): string {
  return `host=${host} port=${port} user=${user} password=${password}`;
}

/** With the owner that the server runs as. */
function signal(dataDir: string): void {
  execFileSync('cp', ['-a', join(dataDir, 'PG_VERSION'), join(dataDir, 'standby.signal')]);
}

/** The standby is a cold copy of the primary's folder. */
export async function startPostgresPair(): Promise<PostgresPair> {
  const primary = await startPrivatePostgres({ settings: SETTINGS });
  await primary.halt('fast');
  const dataDir = `${primary.dataDir}-standby`;
  execFileSync('cp', ['-a', primary.dataDir, dataDir]);
  signal(dataDir);
  await primary.restart();
  const settings = { ...SETTINGS, primary_conninfo: conninfo(primary) };
  const standby = await startEmbeddedPostgres({ major: testMajor(), dataDir, durable: false, settings });
  const pair = new PostgresPair(primary, standby);
  await pair.caughtUp();
  return pair;
}
