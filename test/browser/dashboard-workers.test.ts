// The dashboard in a real Chromium, in front of several workers: one pooler is shown, whichever of them serves the page.
import { expect, test } from 'vitest';
import { workerOf } from '../../src/util/worker-number.ts';
import { freePort } from '../integration/settings/free-port.ts';
import { useBrowser } from '../support/browser.ts';
import { type Crew, startCrew } from '../support/crew.ts';
import { useDatabase } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';

const db = useDatabase();
const browser = useBrowser();

async function named(crew: Crew, worker: number, application_name: string) {
  return waitUntil(async () => {
    const client = await crew.connect({ params: { application_name } });
    if (workerOf(client.session.pid) === worker) return client;
    await client.end();
    return null;
  });
}

test('an application that leaks in both workers is one finding, with what it holds in both, and every view shows both', async () => {
  const http_listen_port = await freePort();
  const crew = await startCrew(db.current, {
    http_listen_port,
    default_pool_size: 4,
    leak_detection_threshold: '400ms',
    leak_reclaim_floor: '200ms',
    leak_reclaim: 'never',
  });
  const leaky = [await named(crew, 1, 'billing-worker'), await named(crew, 2, 'billing-worker')];
  const page = await browser.open(`http://127.0.0.1:${http_listen_port}/`);
  await page.getByRole('heading', { name: 'All is well' }).waitFor();
  for (const client of leaky) await client.rows('BEGIN');
  await page.getByRole('heading', { name: 'billing-worker leaks transactions' }).waitFor();
  const verdict = page.getByRole('region', { name: 'Verdict' });
  await waitUntil(async () => (await verdict.textContent())?.includes('2 of 4 servers held unused now'));
  const holders = page.getByRole('table', { name: 'Who holds servers' });
  await waitUntil(async () => (await holders.getByRole('row', { name: /billing-worker.*leaked/ }).count()) >= 1);
  await page.goto(`http://127.0.0.1:${http_listen_port}/#/clients`);
  await page.locator('[data-view=clients][aria-current]').waitFor();
  await waitUntil(async () => (await page.getByRole('row', { name: /billing-worker/ }).count()) === 2);
  for (const client of leaky) await client.rows('ROLLBACK');
  expect(crew.log.filter(({ level }) => level === 'error')).toEqual([]);
});
