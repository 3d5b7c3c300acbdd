// The supply chain: where packages come from, what of them may run at an install, and why each is there.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

interface Locked {
  readonly resolved?: string;
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly optional?: boolean;
  readonly hasInstallScript?: boolean;
}

const REGISTRY = /^https:\/\/registry\.npmjs\.org\//;
const read = (path: string) => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');
const packageJson = JSON.parse(read('package.json'));
const { '': _root, ...locked } = JSON.parse(read('package-lock.json')).packages as Record<string, Locked>;

test('every package of the lockfile comes from the registry of npm, with a checksum', () => {
  expect(Object.keys(locked).length).toBeGreaterThan(100);
  for (const [path, { resolved, integrity }] of Object.entries(locked)) {
    // No address: the registry that npm is set to. The checksum holds either way.
    if (resolved !== undefined) expect([path, resolved]).toEqual([path, expect.stringMatching(REGISTRY)]);
    expect([path, integrity]).toEqual([path, expect.stringMatching(/^sha512-/)]);
  }
});

test('no package that the product needs runs a script when it is installed', () => {
  const runs = Object.entries(locked).filter(([, one]) => one.hasInstallScript && !one.dev && !one.devOptional);
  expect(runs.map(([path]) => path)).toEqual([]);
});

test('every install script in the tree is allowed or denied by name', () => {
  const names = Object.entries(locked)
    .filter(([, one]) => one.hasInstallScript && !one.optional)
    .map(([path]) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length));
  const decided = Object.keys(packageJson.allowScripts);
  for (const name of names) expect(decided).toContain(name);
});

test('every dependency has its reason in the architecture', () => {
  const architecture = read('docs/architecture.md');
  const names = Object.keys({ ...packageJson.dependencies, ...packageJson.devDependencies });
  expect(names.filter((name) => !architecture.includes(`\`${name}\``))).toEqual([]);
});
