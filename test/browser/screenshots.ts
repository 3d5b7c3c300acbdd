// `npm run screenshots`: the pictures of docs/, taken of the leak scenario while it plays.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { chromium, type Page } from 'playwright-core';
import { FLAGS, findChromium } from '../support/browser.ts';
import { freePort } from '../support/command.ts';

/** The leak begins at 10 s. By now the guard has had something to do. */
const LOOK_AT_MS = 32_000;
const DOCS = join(import.meta.dirname, '../../docs');
const SHOTS = [
  { name: 'dashboard.png', theme: 'light', width: 1_280, height: 820, view: 'overview' },
  { name: 'dashboard-dark.png', theme: 'dark', width: 1_280, height: 820, view: 'overview' },
  { name: 'dashboard-phone.png', theme: 'light', width: 390, height: 844, view: 'overview' },
  { name: 'dashboard-clients.png', theme: 'light', width: 1_280, height: 560, view: 'clients?search=cart' },
] as const;

async function startDemo(): Promise<{ url: string; stop(): Promise<unknown> }> {
  const ports = ['--port', String(await freePort()), '--http-port', String(await freePort())];
  const command = join(import.meta.dirname, '../../src/cli/pgsluice.ts');
  const child = spawn(process.execPath, [command, 'demo', '--scenario', 'leak', ...ports]);
  const exited = new Promise((done) => child.once('exit', done));
  for await (const line of createInterface(child.stdout)) {
    const [url] = /http:\S+#token=\S+/.exec(line) ?? [];
    if (url === undefined) continue;
    child.stdout.resume();
    const stop = () => {
      child.kill('SIGINT');
      return exited;
    };
    return { url, stop };
  }
  throw new Error('the demo did not start');
}

async function shoot(url: string, shot: (typeof SHOTS)[number], executablePath: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'pgsluice-screenshots-'));
  const context = await chromium.launchPersistentContext(folder, {
    executablePath,
    headless: true,
    colorScheme: shot.theme,
    viewport: { width: shot.width, height: shot.height },
    deviceScaleFactor: shot.width < 600 ? 2 : 1,
    locale: 'en-GB',
    args: FLAGS,
  });
  const page: Page = await context.newPage();
  await page.goto(url);
  await page.getByRole('heading', { name: /leaks transactions/ }).waitFor();
  await page.evaluate(`location.hash = '#/${shot.view}'`);
  await page.locator('tbody tr').first().waitFor();
  await delay(1_500);
  await page.screenshot({ path: join(DOCS, shot.name) });
  await context.close();
  rmSync(folder, { recursive: true, force: true });
  console.log(shot.name);
}

const executablePath = findChromium();
if (executablePath === null) throw new Error('chromium: not found on PATH, nor named by CHROMIUM');
const demo = await startDemo();
try {
  await delay(LOOK_AT_MS);
  for (const shot of SHOTS) await shoot(demo.url, shot, executablePath);
} finally {
  await demo.stop();
}
