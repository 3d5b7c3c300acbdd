// psql: a process and a connection for each step, by -c or with a script on its standard input.
import { spawn } from 'node:child_process';
import { psqlPath } from '../libraries.ts';
import { must, SETTINGS_SQL, type Target, toItem, urlOf, type Workload } from '../workload.ts';

const OPTIONS = ['-X', '-A', '-t', '-q', '-v', 'ON_ERROR_STOP=1', '-v', 'VERBOSITY=verbose'];

/** What psql wrote to its standard error. */
class PsqlError extends Error {
  readonly code: string | undefined;

  constructor(stderr: string) {
    super(stderr.trim());
    this.code = /(?:ERROR|FATAL): {2}([0-9A-Z]{5}):/.exec(stderr)?.[1];
  }
}

const INSERT = "INSERT INTO items (token, note) VALUES (:'token', :'token');";
const COLUMNS = 'token, note, amount';
const SELECT = `SELECT ${COLUMNS} FROM items WHERE token = :'token';`;

const literal = (text: string) => `'${text.replaceAll("'", "''")}'`;
const readItem = (line: string | undefined) => {
  if (!line) return null;
  const [token, note, amount] = line.split('|');
  return toItem({ token: must(token), note: must(note), amount });
};

export const maxStepMs = 60;

export async function open(target: Target): Promise<Workload> {
  const url = urlOf(target);
  const program = psqlPath();

  /** The lines that came out. */
  function psql(args: string[], input = ''): Promise<string[]> {
    return new Promise((resolve, reject) => {
      const child = spawn(program, [...OPTIONS, ...args, url], { stdio: 'pipe' });
      const output = { stdout: '', stderr: '' };
      for (const name of ['stdout', 'stderr'] as const) {
        child[name].setEncoding('utf8').on('data', (chunk: string) => {
          output[name] += chunk;
        });
      }
      child.on('error', reject).on('close', (code) => {
        if (code === 0) resolve(output.stdout.trim().split('\n'));
        else reject(new PsqlError(output.stderr || `psql ended with ${code}`));
      });
      // It may have left before it read everything.
      child.stdin.on('error', () => {}).end(input);
    });
  }
  const command = (sql: string) => psql(['-c', sql]);
  function script(variables: Record<string, string>, lines: string[]): Promise<string[]> {
    const set = Object.entries(variables).flatMap(([name, value]) => ['-v', `${name}=${value}`]);
    return psql([...set, '-f', '-'], `${lines.join('\n')}\n`);
  }

  return {
    echo: async (value) => must((await command(`SELECT ${literal(value)}`))[0]),
    select: async (token) => readItem((await script({ token }, [SELECT]))[0]),
    insert: async (token, note) => {
      const values = `${literal(token)}, ${literal(note)}`;
      const lines = await command(`INSERT INTO items (token, note) VALUES (${values}) RETURNING ${COLUMNS}`);
      return must(readItem(lines[0]));
    },
    update: async (token, note) => {
      const set = `note = ${literal(note)}, amount = amount + 1`;
      const lines = await command(`UPDATE items SET ${set} WHERE token = ${literal(token)} RETURNING ${COLUMNS}`);
      return must(readItem(lines[0]));
    },
    // Several statements in one message: one transaction.
    batch: (tokens) =>
      command(
        tokens.map((t) => `INSERT INTO items (token, note) VALUES (${literal(t)}, 'n') RETURNING token`).join(';'),
      ),
    commit: async (own, token) => {
      const more = "UPDATE items SET amount = amount + 1 WHERE token = :'own';";
      return readItem((await script({ own, token }, ['BEGIN;', INSERT, SELECT, more, 'COMMIT;']))[0]);
    },
    rollback: async (token) => readItem((await script({ token }, ['BEGIN;', INSERT, SELECT, 'ROLLBACK;']))[0]),
    conflictInTransaction: (token, taken) =>
      script({ token, taken }, ['BEGIN;', INSERT, '\\set token :taken', INSERT, 'COMMIT;']),
    isolation: async () => {
      const lines = await script({}, ['BEGIN ISOLATION LEVEL SERIALIZABLE;', 'SHOW transaction_isolation;', 'COMMIT;']);
      return must(lines[0]);
    },
    settings: async () => must((await command(SETTINGS_SQL))[0]),
    // By PREPARE, as psql before 18 has no words for the protocol's own. EXECUTE takes its snapshot before its locks, so it would miss rows
    // of a table that is rewritten meanwhile; here it is a write that reads nothing.
    named: async (token) => {
      const lines = await script({ token }, [
        "PREPARE note (text) AS INSERT INTO events (token, kind) VALUES ($1, 'named') RETURNING token, kind;",
        "EXECUTE note (:'token');",
        "SELECT token, note FROM items WHERE token = :'token';",
        "EXECUTE note (:'token');",
        'DEALLOCATE note;',
      ]);
      const event = `${token}|named`;
      if (lines[0] !== event || lines[2] !== event) throw new Error(`EXECUTE was answered with ${lines.join(' and ')}`);
      return readItem(lines[1]);
    },
    close: async () => {},
  };
}
