// The model that the queue of owed replies is tested with, against a real Postgres: both must answer alike.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { frontendSequence } from '../support/frontend-sequences.ts';
import { useDatabase } from '../support/postgres.ts';
import { type Outcome, PostgresModel, type Sent } from '../support/postgres-model.ts';
import { connectAndLogin, types, type WireClient } from '../support/wire.ts';
import * as build from '../support/wire-messages.ts';

const db = useDatabase();

const SETUP = `
  CREATE TABLE sink (n int);
  CREATE TABLE twice (n int UNIQUE DEFERRABLE INITIALLY DEFERRED);
  CREATE TABLE broken (n int);
  CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
  CREATE TRIGGER refuse BEFORE INSERT ON broken EXECUTE FUNCTION refuse()`;

const SQL: Record<Outcome | 'suspended' | 'empty', string> = {
  rows: 'SELECT 1',
  command: 'SET a.b TO 1',
  error: "SET work_mem TO 'nothing'",
  copy: 'COPY sink FROM STDIN',
  'broken copy': 'COPY broken FROM STDIN',
  'copy out': 'COPY (SELECT 1) TO STDOUT',
  poison: 'INSERT INTO twice VALUES (1), (1)',
  suspended: 'SELECT generate_series(1, 2)',
  empty: '',
};

// Postgres: pg_proc.dat
const INT4_PLUS = 177;
const INT4_DIVIDE = 154;

function encode(message: Sent, next: readonly Sent[]): Buffer {
  switch (message.type) {
    case 'Q':
      return build.query(message.statements.map((one) => SQL[one]).join(';'));
    case 'P': {
      const execute = next.find((one) => one.type === 'E');
      return build.parse({ sql: message.fails ? 'SELEC' : execute === undefined ? '' : SQL[execute.statement] });
    }
    case 'B':
      return build.bind(message.fails ? { values: ['one too many'] } : {});
    case 'D':
      return build.describe(message.of === 'statement' ? 'S' : 'P');
    case 'E':
      return build.execute('', message.statement === 'suspended' ? 1 : 0);
    case 'C':
      return build.close('S');
    case 'F':
      return build.functionCall(message.fails ? INT4_DIVIDE : INT4_PLUS, ['1', '0']);
    case 'S':
      return build.sync();
    case 'H':
      return build.flush();
    case 'd':
      return build.copyData(message.fails ? 'x\n' : '1\n');
    case 'c':
      return build.copyDone();
    case 'f':
      return build.copyFail('enough');
  }
}

/** Sync before what is not extended: without it Postgres 18 loses count of its own transaction. */
function withSyncs(sequence: readonly Sent[]): Sent[] {
  const messages: Sent[] = [];
  let isOpen = false;
  for (const message of sequence) {
    const isSimple = message.type === 'Q' || message.type === 'F';
    if (isOpen && isSimple) messages.push({ type: 'S' });
    isOpen = 'PBDEC'.includes(message.type) || (isOpen && !isSimple && message.type !== 'S');
    messages.push(message);
  }
  return [...messages, { type: 'S' }];
}

/** The types of all messages up to the end of the query that selects the mark. */
async function typesUntil(client: WireClient, mark: string): Promise<string> {
  const messages = [await client.next()];
  while (messages.at(-1)!.values?.[0]?.toString() !== mark) messages.push(await client.next());
  return types([...messages, ...(await client.readUntil('Z'))]);
}

test('a real Postgres answers each sequence of messages as the model does', async () => {
  await db.current.query(SETUP);
  const client = await connectAndLogin(db.current.port, db.current);
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(frontendSequence, async (sequence) => {
      runs += 1;
      const messages = withSyncs(sequence);
      const mark = `end of ${runs}`;
      const encoded = messages.map((message, i) => encode(message, messages.slice(i + 1)));
      client.send(...encoded, build.query(`SELECT '${mark}'`));
      const model = new PostgresModel();
      const expected = messages.flatMap((message) => model.take(message)).map((reply) => reply.type);
      expect(await typesUntil(client, mark)).toBe(`${expected.join('')}TDCZ`);
      expect(model.isClean).toBe(true);
    }),
    { numRuns: 400, endOnFailure: true },
  );
  expect(client.unread).toHaveLength(0);
  await client.end();
});
