// workers: several processes are one pooler. Real processes before a real Postgres, looked at from outside.
import { expect, test } from 'vitest';
import { startCrew } from '../support/crew.ts';
import { useDatabase } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';

const db = useDatabase();

test('two workers serve, and stop when they are told to', async () => {
  const crew = await startCrew(db.current);
  expect(crew.workers()).toHaveLength(2);
  expect(await crew.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  crew.signal('SIGQUIT');
  expect(await crew.exited).toBe(0);
  expect(crew.log.filter(({ level }) => level === 'error')).toEqual([]);
});
