// The setting that makes several processes of one pooler.
import { expect, test } from 'vitest';
import { startCrew } from '../../support/crew.ts';
import { useDatabase } from '../../support/postgres.ts';

const db = useDatabase();

test('workers: so many processes share the clients; one is alone, and its lists do not name it', async () => {
  const several = await startCrew(db.current, { workers: 3 });
  const clients = await Promise.all(Array.from({ length: 6 }, () => several.connect()));
  const shown = await several.console<{ worker: number; database: string }>('SHOW CLIENTS');
  const workers = shown.filter(({ database }) => database === db.current.database).map(({ worker }) => worker);
  expect(workers.sort()).toEqual([1, 1, 2, 2, 3, 3]);
  for (const client of clients) client.destroy();
  const alone = await startCrew(db.current, { workers: 1 });
  expect(alone.workers()).toEqual([]);
  const [own] = await alone.console('SHOW CLIENTS');
  expect(own).not.toHaveProperty('worker');
});
