// What clients do with LISTEN and NOTIFY, step by step, and what a client of theirs gets to see of it.
import type { WireClient } from '../support/wire.ts';
import type { BackendMessage } from '../support/wire-backend.ts';
import {
  bind,
  copyData,
  copyDone,
  describe,
  execute,
  extendedQuery,
  parse,
  query,
  sync,
} from '../support/wire-messages.ts';

/** `listens` is who is looked at; `other` only notifies. */
type Step =
  | { readonly who: 'listens' | 'other'; readonly send: Buffer; readonly readies: number }
  /** Waits until so many notifications have come by themselves. */
  | { readonly hears: number };

export interface ListenScript {
  readonly name: string;
  readonly steps: readonly Step[];
}

const ask = (sql: string): Step => ({ who: 'listens', send: query(sql), readies: 1 });
const byOther = (sql: string): Step => ({ who: 'other', send: query(sql), readies: 1 });
const batch = (...messages: Buffer[]): Step => ({
  who: 'listens',
  send: Buffer.concat([...messages, sync()]),
  readies: 1,
});
const pipeline = (...texts: string[]): Step => ({
  who: 'listens',
  send: Buffer.concat(texts.map(query)),
  readies: texts.length,
});
const hears = (count: number): Step => ({ hears: count });
const run = (sql: string) => Buffer.concat([parse({ sql }), bind(), describe('P'), execute()]);
const CHANNELS = 'SELECT * FROM pg_listening_channels() ORDER BY 1';

const script = (name: string, ...steps: Step[]): ListenScript => ({ name, steps });

export const SCRIPTS: readonly ListenScript[] = [
  script('another NOTIFY', ask('LISTEN a'), byOther("NOTIFY a, 'x'"), hears(1)),
  script('its own NOTIFY', ask('LISTEN a'), ask("NOTIFY a, 'x'"), ask("SELECT pg_notify('a', 'y')"), ask('SELECT 1')),
  script('LISTEN and NOTIFY at once', ask("LISTEN a; NOTIFY a, 'x'")),
  script(
    'LISTEN and NOTIFY in a block',
    ask('BEGIN'),
    ask('LISTEN a'),
    ask('NOTIFY a'),
    ask('COMMIT'),
    ask('SELECT 1'),
  ),
  script('LISTEN is rolled back', ask('BEGIN'), ask('LISTEN a'), ask('ROLLBACK'), byOther('NOTIFY a'), ask(CHANNELS)),
  script('LISTEN fails with its string', ask('LISTEN a; SELECT 1/0'), byOther('NOTIFY a'), ask(CHANNELS)),
  script(
    'LISTEN takes effect at COMMIT',
    ask('BEGIN'),
    ask('LISTEN a'),
    byOther("NOTIFY a, 'before'"),
    ask('COMMIT'),
    byOther("NOTIFY a, 'behind'"),
    hears(1),
  ),
  script(
    'a notification waits for the end of the transaction',
    ask('LISTEN a'),
    ask('BEGIN'),
    ask('SELECT 1'),
    byOther("NOTIFY a, 'x'"),
    ask('SELECT 2'),
    ask('COMMIT'),
    byOther("NOTIFY a, 'y'"),
    hears(1),
  ),
  script(
    'a notification comes in a failed transaction',
    ask('LISTEN a'),
    ask('BEGIN'),
    ask('SELECT 1/0'),
    byOther("NOTIFY a, 'x'"),
    ask('ROLLBACK'),
  ),
  script(
    'UNLISTEN',
    ask('LISTEN a'),
    ask('LISTEN b'),
    ask('UNLISTEN a'),
    byOther('NOTIFY a'),
    byOther('NOTIFY b'),
    hears(1),
  ),
  script('UNLISTEN *', ask('LISTEN a'), ask('LISTEN b'), ask('UNLISTEN *'), byOther('NOTIFY a'), ask(CHANNELS)),
  script(
    'UNLISTEN is rolled back',
    ask('LISTEN a'),
    ask('BEGIN'),
    ask('SELECT 1'),
    ask('UNLISTEN *'),
    ask('ROLLBACK'),
    byOther('NOTIFY a'),
    hears(1),
    ask(CHANNELS),
  ),
  script(
    'UNLISTEN is rolled back to a savepoint',
    ask('LISTEN a'),
    ask('LISTEN b'),
    ask('BEGIN'),
    ask('UNLISTEN b'),
    ask('SAVEPOINT s'),
    ask('UNLISTEN a'),
    ask('LISTEN c'),
    ask('ROLLBACK TO s'),
    ask('COMMIT'),
    ask(CHANNELS),
    byOther("NOTIFY b; NOTIFY c; NOTIFY a, 'x'"),
    hears(1),
  ),
  script(
    'UNLISTEN by its own statement in a batch',
    ask('LISTEN a'),
    batch(run('SELECT 1'), run('UNLISTEN a')),
    ask(CHANNELS),
  ),
  script('DISCARD ALL', ask('LISTEN a'), ask('DISCARD ALL'), byOther('NOTIFY a'), ask(CHANNELS)),
  script('LISTEN again', ask('LISTEN a'), ask('LISTEN a'), byOther('NOTIFY a'), hears(1)),
  script('LISTEN after UNLISTEN', ask('LISTEN a'), ask('UNLISTEN a'), ask('LISTEN a'), byOther('NOTIFY a'), hears(1)),
  script(
    'extended protocol',
    batch(run('LISTEN a')),
    byOther('NOTIFY a'),
    hears(1),
    batch(run("SELECT pg_notify('a', 'x')")),
  ),
  script(
    'a batch of several',
    batch(run('LISTEN a'), run('SELECT 1'), run("SELECT pg_notify('a', 'x')")),
    ask('SELECT 1'),
  ),
  script('a pipeline', pipeline('LISTEN a', "NOTIFY a, 'x'", 'SELECT 1', 'UNLISTEN a', 'NOTIFY a', CHANNELS)),
  script(
    'a pipeline of a client that listens',
    ask('LISTEN a'),
    pipeline('SELECT 1', 'BEGIN', 'NOTIFY a', 'COMMIT', 'SELECT 2'),
  ),
  script(
    'a named statement',
    batch(parse({ name: 'l', sql: 'LISTEN a' }), parse({ name: 'u', sql: 'UNLISTEN a' })),
    batch(bind({ statement: 'l' }), execute()),
    byOther("NOTIFY a, '1'"),
    hears(1),
    batch(bind({ statement: 'u' }), execute()),
    byOther("NOTIFY a, '2'"),
    batch(bind({ statement: 'l' }), execute()),
    byOther("NOTIFY a, '3'"),
    hears(1),
  ),
  script(
    'a COPY beside it',
    ask('LISTEN rows'),
    { who: 'listens', send: Buffer.concat([query('COPY told FROM STDIN'), copyData('7\n'), copyDone()]), readies: 1 },
    ask('COPY (SELECT 1) TO STDOUT'),
    byOther("NOTIFY rows, 'x'"),
    hears(1),
  ),
  script(
    'a failed statement of one that listens, in a batch',
    ask('LISTEN a'),
    batch(run("SELECT pg_notify('a', 'x')"), run('SELECT 1/0'), run('LISTEN b')),
    ask(CHANNELS),
  ),
  script(
    'by DO',
    ask("DO $$ BEGIN EXECUTE 'LISTEN ' || 'a'; END $$"),
    byOther('NOTIFY a'),
    hears(1),
    ask('DO $$ BEGIN UNLISTEN a; END $$'),
    byOther('NOTIFY a'),
    ask(CHANNELS),
  ),
  script(
    'by a trigger',
    ask('LISTEN rows'),
    ask('INSERT INTO told VALUES (1), (2)'),
    batch(run('INSERT INTO told VALUES (3)')),
    byOther('INSERT INTO told VALUES (4)'),
    hears(1),
  ),
  script(
    'a NOTIFY that is rolled back',
    ask('LISTEN a'),
    ask('BEGIN'),
    ask('NOTIFY a'),
    ask('ROLLBACK'),
    byOther("NOTIFY a, 'x'"),
    hears(1),
  ),
  script(
    'the same twice in a transaction',
    ask('LISTEN a'),
    byOther("NOTIFY a, 'x'; NOTIFY a, 'x'; NOTIFY a, 'y'"),
    hears(2),
  ),
  script(
    'names that have to be quoted',
    ask('LISTEN "Größe ""x"" $1"'),
    byOther(`NOTIFY "Größe ""x"" $1", 'Überraschung'`),
    hears(1),
    ask(CHANNELS),
    ask(`NOTIFY "Größe ""x"" $1", 'é'`),
  ),
  script(
    'two channels in the order of commits',
    ask('LISTEN a'),
    ask('LISTEN b'),
    byOther("NOTIFY a, '1'"),
    byOther("NOTIFY b, '2'"),
    byOther("NOTIFY a, '3'; NOTIFY b, '4'"),
    hears(4),
  ),
  script(
    'statements of all kinds between notifications',
    ask('LISTEN a'),
    ask('SELECT 1'),
    byOther("NOTIFY a, '1'"),
    hears(1),
    batch(run('SELECT 2')),
    ask('BEGIN'),
    ask('SELECT 3'),
    ask('ROLLBACK'),
    byOther("NOTIFY a, '2'"),
    hears(1),
    ask('SELECT nothing'),
    byOther("NOTIFY a, '3'"),
    hears(1),
    { who: 'listens', send: extendedQuery('SELECT $1::text', ['x']), readies: 1 },
  ),
  script(
    'another encoding',
    ask('LISTEN a'),
    ask("SET client_encoding TO 'LATIN1'"),
    byOther("NOTIFY a, 'Ü'"),
    hears(1),
    ask('RESET client_encoding'),
    byOther("NOTIFY a, 'Ü'"),
    hears(1),
  ),
  script(
    'a temporary table beside it',
    ask('LISTEN a'),
    ask('CREATE TEMP TABLE t AS SELECT 1 AS x'),
    byOther('NOTIFY a'),
    hears(1),
    ask('SELECT x FROM t'),
    ask('DROP TABLE t'),
    byOther('NOTIFY a'),
    hears(1),
  ),
  script(
    'read only',
    ask('SET default_transaction_read_only TO on'),
    ask('LISTEN a'),
    ask('NOTIFY a'),
    byOther('NOTIFY a'),
    hears(1),
  ),
];

export const SETUP = `CREATE TABLE told (n int);
  CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_notify(''rows'', NEW.n::text); RETURN NULL; END';
  CREATE TRIGGER tell AFTER INSERT ON told FOR EACH ROW EXECUTE FUNCTION tell()`;

/** As a line for the comparison: whose notification it is instead of a number. */
export function lineOf(message: BackendMessage, ownPid: number): string {
  switch (message.type) {
    case 'A':
      return `${message.pid === ownPid ? 'own' : 'other'} ${message.channel} ${message.payload} ${message.body.length}`;
    case 'C':
      return String(message.tag);
    case 'D':
      return `row ${(message.values ?? []).map(String).join()}`;
    case 'E':
      return `error ${message.fields?.C}`;
    default:
      return message.type === 'Z' ? `ready ${String.fromCharCode(message.body[0]!)}` : message.type;
  }
}

/** What `listens` gets to see, and behind it whatever else would have come by then. */
export async function playListen(
  { steps }: ListenScript,
  listens: WireClient & { session: { pid: number } },
  other: WireClient,
  between: () => Promise<void> = async () => {},
): Promise<string[]> {
  const seen: BackendMessage[] = [];
  const play = async (step: Step) => {
    if ('hears' in step) {
      for (let n = 0; n < step.hears; n += 1) seen.push(...(await listens.readUntil('A')));
      return;
    }
    const client = step.who === 'other' ? other : listens;
    client.send(step.send);
    for (let n = 0; n < step.readies; n += 1) {
      const messages = await client.readUntil('Z');
      if (client === listens) seen.push(...messages);
    }
    await between();
  };
  for (const step of steps) await play(step);
  for (const step of [ask('RESET ALL'), ask('LISTEN "the end"'), byOther('NOTIFY "the end"'), hears(1)])
    await play(step);
  return seen.map((message) => lineOf(message, listens.session.pid));
}
