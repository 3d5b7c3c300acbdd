// The dashboard in a real Chromium, in front of a pooler where things really happen.
import { expect, test } from 'vitest';
import { begin, farewell, poolerFor } from '../integration/settings/for-settings.ts';
import { freePort } from '../integration/settings/free-port.ts';
import { useBrowser } from '../support/browser.ts';
import { ACTION_TOKEN, READ_TOKEN } from '../support/http-api.ts';
import { useDatabase } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';

const db = useDatabase();
const browser = useBrowser();

async function start(settings: Record<string, unknown> = {}) {
  const port = await freePort();
  const pooler = await poolerFor(db.current, {
    http_listen_port: port,
    default_pool_size: 4,
    leak_detection_threshold: '400ms',
    leak_reclaim_floor: '200ms',
    leak_reclaim: 'never',
    ...settings,
  });
  const named = (application_name: string) => pooler.connect({ params: { application_name } });
  return { pooler, named, url: `http://127.0.0.1:${port}/` };
}

test('it says that all is well, and when an application leaks it says who, with the statement, without a reload', async () => {
  const { named, url } = await start();
  const shop = await named('shop');
  await shop.rows('SELECT 1');
  const page = await browser.open(url);
  await page.getByRole('heading', { name: 'All is well' }).waitFor();
  const leaky = await named('billing-worker');
  await begin(leaky);
  await leaky.rows('SELECT relname FROM pg_class WHERE oid = 1 FOR KEY SHARE');
  await page.getByRole('heading', { name: 'billing-worker leaks transactions' }).waitFor();
  const verdict = page.getByRole('region', { name: 'Verdict' });
  expect(await verdict.textContent()).toContain('SELECT relname FROM pg_class WHERE oid = ? FOR KEY SHARE');
  expect(await verdict.textContent()).toContain('1 of 4 servers held unused now');
  expect(await verdict.boundingBox()).toMatchObject({ y: expect.toSatisfy((y: number) => y < 150) });
  const holders = page.getByRole('table', { name: 'Who holds servers' });
  await holders.getByRole('row', { name: /billing-worker.*leaked/ }).waitFor();
  expect(await page.title()).toContain('⚠');
  await leaky.rows('ROLLBACK');
  await holders.getByRole('row', { name: /billing-worker/ }).waitFor({ state: 'detached' });
});

test('names and statements of strangers are text, whatever they contain', async () => {
  const { named, url } = await start();
  const evil = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>\u001b[31m\r\n\u202e${'x'.repeat(3_000)}`;
  const client = await named(evil);
  await begin(client);
  await client.rows(
    `SELECT 1 AS "<img src=x onerror=document.title='owned'>" /*route='%3Cscript%3Ealert(1)%3C%2Fscript%3E'*/`,
  );
  const page = await browser.open(url);
  await page.getByRole('heading', { name: /leaks transactions/ }).waitFor();
  const [row] = await page
    .getByRole('table', { name: 'Who holds servers' })
    .getByRole('row')
    .filter({ hasText: '<img src=x' })
    .all();
  await row?.press('Enter');
  await page.getByRole('definition').filter({ hasText: '<script>alert(1)</script>' }).first().waitFor();
  for (const view of ['clients', 'servers', 'pools', 'settings', 'overview']) {
    await page.goto(`${url}#/${view}`);
    await page.locator(`[data-view=${view}][aria-current]`).waitFor();
    expect(await page.locator('main img, main script').count()).toBe(0);
  }
  expect(await page.title()).not.toContain('owned');
  expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
  await client.rows('ROLLBACK');
});

test('clients are filtered and sorted, and the leak leads to those of its application', async () => {
  const { named, url } = await start();
  const leaky = await named('leaky');
  await begin(leaky);
  for (const name of ['alpha', 'beta', 'gamma']) await named(name);
  const page = await browser.open(url);
  await page.getByRole('link', { name: 'Show its clients' }).click();
  const rows = page.getByRole('table', { name: 'Clients' }).locator('tbody tr');
  const shown = () => rows.evaluateAll((all) => all.map((row) => row.children[1]?.textContent ?? ''));
  await waitUntil(async () => (await shown()).join() === 'leaky');
  expect(await page.getByLabel('Filter').inputValue()).toBe('leaky');
  await page.getByLabel('Filter').fill('a');
  await waitUntil(async () => (await shown()).length >= 4);
  await page.getByRole('button', { name: 'Application' }).click();
  await waitUntil(async () => (await shown()).join() === 'alpha,beta,gamma,leaky');
  await page.getByRole('button', { name: 'Application' }).click();
  await waitUntil(async () => (await shown()).join() === 'leaky,gamma,beta,alpha');
  await page.getByLabel('State').selectOption('active');
  await waitUntil(async () => (await shown()).join() === 'leaky');
  await leaky.rows('ROLLBACK');
});

test('a client is closed after a question, with the token that acting needs', async () => {
  const { named, url, pooler } = await start({ http_action_token: ACTION_TOKEN });
  const client = await named('victim');
  await client.rows('SELECT 1');
  const page = await browser.open(`${url}#/clients`);
  const row = page.getByRole('row', { name: /victim/ });
  await row.getByRole('button', { name: 'Close' }).click();
  await page.getByRole('textbox', { name: 'Token' }).fill('not the right token');
  await page.getByRole('button', { name: 'Use it' }).click();
  await page.getByRole('button', { name: 'Close it' }).click();
  await page.getByText('needs "Authorization').waitFor();
  expect(pooler.app.clients.applicationCount).toBe(1);
  await row.getByRole('button', { name: 'Close' }).click();
  await page.getByRole('textbox', { name: 'Token' }).fill(ACTION_TOKEN);
  await page.getByRole('button', { name: 'Use it' }).click();
  await page.getByRole('button', { name: 'Cancel' }).click();
  expect(pooler.app.clients.applicationCount).toBe(1);
  await row.getByRole('button', { name: 'Close' }).click();
  await page.getByRole('button', { name: 'Close it' }).click();
  expect(await farewell(client)).toMatchObject({ C: '57P01' });
  await row.waitFor({ state: 'detached' });
});

test('a link with the token may act: a leaked server is taken back, a database paused and resumed', async () => {
  const { named, url, pooler } = await start({ http_action_token: ACTION_TOKEN });
  const leaky = await named('leaky');
  await begin(leaky);
  const page = await browser.open(`${url}#token=${ACTION_TOKEN}`);
  expect(page.url()).not.toContain(ACTION_TOKEN);
  const row = page.getByRole('table', { name: 'Who holds servers' }).getByRole('row', { name: /leaky/ });
  await row.getByRole('button', { name: 'Take back' }).click();
  await page.getByRole('button', { name: 'Take it back' }).click();
  await waitUntil(() => pooler.pool().servers.active.length === 0);
  await row.waitFor({ state: 'detached' });
  await page.keyboard.press('4');
  await page.getByRole('button', { name: 'Pause' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Pause' }).click();
  await waitUntil(() => pooler.pool().state === 'paused');
  await page.getByRole('button', { name: 'Resume' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Resume' }).click();
  await waitUntil(() => pooler.pool().state === 'running');
  await page.getByRole('button', { name: 'Kill' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox').fill('another');
  await dialog.getByRole('button', { name: 'Kill' }).click();
  expect(pooler.pool().state).toBe('running');
  await dialog.getByRole('textbox').fill(db.current.database);
  await dialog.getByRole('button', { name: 'Kill' }).click();
  await waitUntil(() => pooler.pool().state === 'paused');
});

test('where reading needs a token the page asks for it, and shows nothing before', async () => {
  const { url } = await start({ http_read_token: READ_TOKEN });
  const page = await browser.open(url);
  const field = page.getByRole('textbox', { name: 'Token' });
  await field.fill('a token that is wrong');
  await field.press('Enter');
  await page.getByText('This token is not the right one.').waitFor();
  expect(await page.getByRole('heading', { name: 'All is well' }).count()).toBe(0);
  await field.fill(READ_TOKEN);
  await field.press('Enter');
  await page.getByRole('heading', { name: 'All is well' }).waitFor();
});

test('it tells when the pooler does not answer any more, and how old the picture is', async () => {
  const { url, pooler } = await start();
  const page = await browser.open(url);
  await page.getByRole('heading', { name: 'All is well' }).waitFor();
  await pooler.stop();
  const trouble = page.getByRole('alert');
  await trouble.getByText(/does not answer. What you see is \d+ s old/).waitFor();
  expect(await page.locator('#live').textContent()).toBe('no answer');
});

test('everything is reached with keys', async () => {
  const { url, named } = await start();
  await named('somebody');
  const page = await browser.open(url);
  await page.keyboard.press('2');
  await page.getByRole('heading', { name: 'Clients' }).waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('nobody like that');
  await page.getByText('There are no clients like that.').waitFor();
  await page.keyboard.press('Escape');
  await page.keyboard.press('5');
  await page.getByRole('heading', { name: 'Settings' }).waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('query_wait');
  await page.keyboard.press('Tab');
  const row = page.getByRole('row', { name: /^query_wait_timeout 10s/ });
  await row.focus();
  await page.keyboard.press('Enter');
  await page.getByText('A new value holds').first().waitFor();
  const theme = () => page.evaluate('document.documentElement.dataset.theme');
  const before = await theme();
  await page.keyboard.press('t');
  expect(await theme()).not.toBe(before);
  await page.keyboard.press('?');
  await page.getByRole('dialog').getByText('light or dark').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  await page.keyboard.press('p');
  await page.locator('#live', { hasText: 'held' }).waitFor();
});

test.each(['light', 'dark'] as const)(
  'it fits a phone in %s, without a row that is wider than the screen',
  async (theme) => {
    const { url, named } = await start();
    const leaky = await named('a-rather-long-name-of-an-application-that-leaks');
    await begin(leaky);
    await leaky.rows(`SELECT ${'relname, '.repeat(30)} oid FROM pg_class LIMIT 1`);
    const page = await browser.open(url, { theme, width: 390, height: 844 });
    await page.getByRole('heading', { name: /leaks transactions/ }).waitFor();
    for (const view of ['overview', 'clients', 'servers', 'pools', 'settings']) {
      await page.goto(`${url}#/${view}`);
      await page.locator(`[data-view=${view}][aria-current]`).waitFor();
      await page.locator('main tbody tr:visible').first().waitFor();
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390);
    }
    await leaky.rows('ROLLBACK');
  },
);

test('the advice for a pool stands on the first screen with its arithmetic', async () => {
  const { pooler, named, url } = await start({ default_pool_size: 30 });
  const client = await named('shop');
  const page = await browser.open(url);
  const advice = page.getByRole('region', { name: 'Advice' });
  await advice.getByText('Nothing was seen yet.').waitFor();
  // Until the next look at this pool, ten seconds from one to the next.
  const told = advice.getByText(/^The pool is larger than it need be: 2[89] could go\.$/).waitFor({ timeout: 30_000 });
  let isOver = false;
  told.catch(() => {}).finally(() => (isOver = true));
  while (!isOver) await client.rows('SELECT pg_sleep(0.01)');
  await told;
  expect(await advice.textContent()).toMatch(
    / busy; for p99 wait < 50 ms as they come: [12]; you have 30; 2[89] could go\./,
  );
  expect(await advice.textContent()).toMatch(/pool_size: [12]/);
  await pooler.expectInvariants();
});
