// What the drivers' load tests have in common: mixed statements with unique tokens, and what each must be answered with.

export const CLIENTS = 100;
export const STATEMENTS = 200;
export const POOL_SIZE = 4;

/** One step of a client, in the words of a driver. Each returns what came back for the token that it was given. */
export interface Steps {
  simple(token: string): Promise<string>;
  parameterized(token: string): Promise<string>;
  /** BEGIN, an INSERT of the token, a SELECT of it, COMMIT. */
  transaction(token: string): Promise<string>;
  /** The same with ROLLBACK. */
  rollback(token: string): Promise<string>;
  /** A statement that fails with the token in its message, which is returned. */
  failing(token: string): Promise<string>;
  /** Many rows, joined. */
  rows(token: string): Promise<string>;
}

/** Runs the statements of one client; returns those that came back wrong. */
export async function runClient(client: number, steps: Steps): Promise<string[]> {
  const kinds = ['simple', 'parameterized', 'transaction', 'failing', 'rows', 'rollback'] as const;
  const wrong: string[] = [];
  for (let i = 0; i < STATEMENTS; i += 1) {
    const token = `token-${client}-${i}`;
    const kind = kinds[(client + i) % kinds.length]!;
    const seen = await steps[kind](token);
    const expected = kind === 'rows' ? Array.from({ length: 20 }, (_, n) => `${token}/${n + 1}`).join() : token;
    if (seen !== expected) wrong.push(`${kind}: ${expected} was answered with ${seen}`);
  }
  return wrong;
}

export const SETUP = `
  CREATE TABLE tokens (token text PRIMARY KEY, client int DEFAULT pg_backend_pid());
  CREATE FUNCTION fail(token text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '%', token; END $$`;

/** What must be in the table behind it: the tokens of transactions that were committed. */
export function committedTokens(): number {
  let count = 0;
  for (let client = 0; client < CLIENTS; client += 1) {
    for (let i = 0; i < STATEMENTS; i += 1) if ((client + i) % 6 === 2) count += 1;
  }
  return count;
}
