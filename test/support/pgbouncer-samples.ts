// Sample configurations of PgBouncer's own packages, where the machine has them: PGBOUNCER_SAMPLES (a folder) or the usual places.
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findPgbouncer } from './pgbouncer.ts';

/** Their paths; empty where there is none. */
export function pgbouncerSamples(): string[] {
  const program = findPgbouncer();
  // An unpacked package has them beside the program.
  const roots = program === null ? ['/'] : ['/', join(dirname(program), '..'), join(dirname(program), '../root')];
  const folders = ['etc/pgbouncer', 'usr/share/doc/pgbouncer', 'usr/share/doc/pgbouncer/examples'];
  const places = [
    ...roots.flatMap((root) => folders.map((folder) => join(root, folder))),
    ...(process.env.PGBOUNCER_SAMPLES ? [process.env.PGBOUNCER_SAMPLES] : []),
  ];
  const files = places
    .filter((place) => existsSync(place))
    .flatMap((place) => {
      const names = readdirSync(place).filter((name) => name.endsWith('.ini'));
      return names.map((name) => join(place, name));
    });
  return [...new Set(files)];
}
