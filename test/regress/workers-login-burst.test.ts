// Clients that came while a worker asked for more of max_client_conn were refused when the answer was meant for fewer of them; and those
// that had to wait for their turn to log in were not counted when it asked.
import { expect, test } from 'vitest';
import { startCrew } from '../support/crew.ts';
import { useDatabase } from '../support/postgres.ts';

const db = useDatabase();

test.each([1_000, 400])('400 clients that log in at once are all let in by max_client_conn %i', async (limit) => {
  const crew = await startCrew(db.current, { max_client_conn: limit });
  const all = await Promise.all(Array.from({ length: 400 }, () => crew.connect()));
  expect(await all.at(-1)!.rows('SELECT 1')).toEqual([['1']]);
  for (const client of all) client.destroy();
});
