// A Chromium of the machine for the tests of the dashboard, driven by playwright-core; without one they are skipped.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, beforeEach, expect } from 'vitest';
import { findTool, skipBecause } from './tools.ts';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];
export const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export interface PageOptions {
  readonly theme?: 'light' | 'dark';
  readonly width?: number;
  readonly height?: number;
}

/** CHROMIUM, or one on PATH. */
export function findChromium(): string | null {
  return process.env.CHROMIUM ?? NAMES.map(findTool).find((path) => path !== null) ?? null;
}

/** For the top of a test file. Every page is watched: an error in it, or a request to another host, fails its test. */
export function useBrowser(): { open(url: string, options?: PageOptions): Promise<Page> } {
  const executablePath = findChromium();
  const contexts = new Map<string, BrowserContext>();
  const folders: string[] = [];
  let pages: { page: Page; faults: string[] }[] = [];

  async function contextFor({ theme = 'light', width = 1_280, height = 860 }: PageOptions): Promise<BrowserContext> {
    const key = `${theme} ${width} ${height}`;
    const known = contexts.get(key);
    if (known !== undefined) return known;
    const folder = mkdtempSync(join(tmpdir(), 'pgsluice-browser-'));
    folders.push(folder);
    const context = await chromium.launchPersistentContext(folder, {
      executablePath: executablePath ?? '',
      headless: true,
      colorScheme: theme,
      viewport: { width, height },
      deviceScaleFactor: width < 600 ? 2 : 1,
      locale: 'en-GB',
      args: FLAGS,
    });
    contexts.set(key, context);
    return context;
  }

  beforeEach((task) => {
    if (executablePath === null) skipBecause(task, 'chromium: not found on PATH, nor named by CHROMIUM');
    return async () => {
      const faults = pages.flatMap((each) => each.faults);
      await Promise.all(pages.map(({ page }) => page.close()));
      pages = [];
      expect(faults).toEqual([]);
    };
  });
  afterAll(async () => {
    await Promise.all([...contexts.values()].map((context) => context.close()));
    for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  });

  return {
    async open(url, options = {}) {
      const page = await (await contextFor(options)).newPage();
      const faults: string[] = [];
      page.setDefaultTimeout(15_000);
      page.on('pageerror', (error) => faults.push(error.message));
      page.on('console', (message) => {
        // Chromium itself writes a line for each answer that is an error; the tests look at those.
        const isOwn = !message.text().startsWith('Failed to load resource');
        if (message.type() === 'error' && isOwn) faults.push(message.text());
      });
      page.on('request', (request) => {
        if (new URL(request.url()).host !== new URL(url).host) faults.push(`it asked ${request.url()}`);
      });
      pages.push({ page, faults });
      await page.goto(url);
      return page;
    },
  };
}
