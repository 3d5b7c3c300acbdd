// Honest clients that hold servers for long, in short: no leak is cried while others wait. Long form: `npm run calm`.
import { expect, test } from 'vitest';
import { runCalm } from '../incident/calm-run.ts';
import { usePrivatePostgres } from '../support/postgres.ts';

const postgres = usePrivatePostgres({ settings: { max_connections: '60' } });

test('long statements, COPY, LISTEN, slow readers, time to think and cursors are no leaks', async () => {
  const { host, port, user, password } = postgres.current;
  const target = { host, port, user, password, database: 'postgres' };
  const figures = await runCalm(target, { milliseconds: 8_000, seed: 1, settleMs: 5_000 });
  expect({ alarms: figures.alarms, rows: figures.rows, errors: figures.errors }).toEqual({
    alarms: [],
    rows: 0,
    errors: [],
  });
  // It did happen: everybody had a turn, and some had to wait for a server.
  for (const name of ['long statement', 'COPY in, with pauses', 'result, read late', 'cursor, fetched in a loop'])
    expect(figures.turns[name], name).toBeGreaterThan(0);
  expect(figures.waited).toBeGreaterThan(0);
});
