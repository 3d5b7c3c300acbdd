// The files that the tests of the documents look at.
import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { pino } from 'pino';
import { App } from '../../../src/app.ts';
import { parseConfig } from '../../../src/config/load.ts';
import { TestTeam } from '../../support/team.ts';

/** The root of the repository. */
export const root = join(import.meta.dirname, '../../..');

/** Path from the root to text, of every file under a folder whose name ends so. */
export function filesOf(folder: string, ending: string): ReadonlyMap<string, string> {
  const names = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' });
  const paths = names.filter((name) => name.endsWith(ending)).map((name) => join(folder, name));
  return new Map(paths.map((path) => [path.split(sep).join('/'), readFileSync(join(root, path), 'utf8')]));
}

/** What people read: the documents at the root and those of docs/. */
export function documents(): ReadonlyMap<string, string> {
  const atRoot = readdirSync(root).filter((name) => name.endsWith('.md'));
  return new Map([
    ...atRoot.map((name) => [name, readFileSync(join(root, name), 'utf8')] as const),
    ...filesOf('docs', '.md'),
  ]);
}

/** The names of our metrics, as /metrics has them where there are several workers. */
export async function servedMetrics(): Promise<string[]> {
  const result = parseConfig('databases: { app: { host: 127.0.0.1 } }\nusers: { app: { password: x } }\n');
  if (!result.ok) throw new Error('the configuration of this test is wrong');
  const team = new TestTeam();
  const app = new App(result.config, { log: pino({ level: 'silent' }), team: team.of(1) });
  team.join(1, app);
  const text = await app.metrics.text();
  return [...text.matchAll(/^# HELP (pgsluice_\w+)/gm)].map((match) => match[1] ?? '');
}
