// The hosts of Postgres that are given by name: what is known of them, and the domains that they are in.

import type { KnownName } from '../net/resolver.ts';
import type { Sources } from './snapshot.ts';

export function hostRows({ resolver }: Sources): KnownName[] {
  return [...resolver].filter(({ addresses }) => addresses.length > 0);
}

export interface ZoneRow {
  readonly name: string;
  readonly hosts: number;
}

/** What stands behind the first dot of a name, and how many names end like that. */
export function zoneRows(sources: Sources): ZoneRow[] {
  const zones = new Map<string, number>();
  for (const { name } of hostRows(sources)) {
    const dot = name.indexOf('.');
    if (dot < 0) continue;
    const zone = name.slice(dot + 1);
    zones.set(zone, (zones.get(zone) ?? 0) + 1);
  }
  return [...zones].map(([name, hosts]) => ({ name, hosts }));
}
