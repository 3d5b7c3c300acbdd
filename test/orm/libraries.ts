// The libraries by name, their installed versions, and how they come to be installed.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, globSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findTool } from '../support/tools.ts';
import type { WorkloadModule } from './workload.ts';

/** The package of each; null: a program on PATH. */
const PACKAGES = {
  pg: 'pg',
  'postgres-js': 'postgres',
  prisma: '@prisma/client',
  drizzle: 'drizzle-orm',
  knex: 'knex',
  typeorm: 'typeorm',
  sequelize: 'sequelize',
  kysely: 'kysely',
  slonik: 'slonik',
  psql: null,
} as const;

export type Library = keyof typeof PACKAGES;
export const LIBRARIES = Object.keys(PACKAGES) as Library[];

const folder = dirname(fileURLToPath(import.meta.url));
const modules = join(folder, 'node_modules');

export function isLibrary(name: string): name is Library {
  return name in PACKAGES;
}

export function versionOf(library: Library): string {
  const name = PACKAGES[library];
  if (name !== null) return JSON.parse(readFileSync(join(modules, name, 'package.json'), 'utf8')).version;
  return /(\d[\d.]*)/.exec(execFileSync(psqlPath(), ['--version'], { encoding: 'utf8' }))?.[1] ?? 'unknown';
}

/** Debian's psql is a script that looks for the real one, which takes longer than all the rest of a step. */
export function psqlPath(): string {
  const found = findTool('psql');
  if (found === null) throw new Error('psql: not found on PATH');
  if (!realpathSync(found).endsWith('pg_wrapper')) return found;
  return globSync('/usr/lib/postgresql/*/bin/psql').at(-1) ?? found;
}

export async function load(library: Library): Promise<WorkloadModule> {
  return await import(`./workloads/${library}.ts`);
}

/** Installs the packages when they are missing or older than the lock file, and generates what Prisma needs. */
export function install(): void {
  const lock = statSync(join(folder, 'package-lock.json')).mtimeMs;
  const installed = join(modules, '.package-lock.json');
  const client = join(folder, 'generated', 'prisma', 'client.ts');
  if (existsSync(installed) && statSync(installed).mtimeMs >= lock && existsSync(client)) return;
  // Their install scripts would only fetch engines that are not used here.
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {});
  // `generate` does not start the schema engine, but would download it: so it is told of one.
  const env = {
    CHECKPOINT_DISABLE: '1',
    PRISMA_HIDE_UPDATE_MESSAGE: '1',
    PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
  };
  run(process.execPath, [join(modules, 'prisma', 'build', 'index.js'), 'generate'], env);
}

/** Its output goes to standard error, so that --json is alone on standard output. */
function run(command: string, args: string[], env: Record<string, string>): void {
  const options = {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ['ignore', 2, 2] as ['ignore', number, number],
  };
  const { status, error } = spawnSync(command, args, options);
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}`);
}
