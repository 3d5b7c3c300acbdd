// SHOW LISTS: how much there is of everything. PgBouncer: the same rows.

import { databaseRows } from '../observe/databases.ts';
import { hostRows, zoneRows } from '../observe/hosts.ts';
import { type Lists, lists } from '../observe/lists.ts';
import { shownPools } from '../observe/snapshot.ts';
import type { Value } from '../observe/team.ts';
import { userRows } from '../observe/users.ts';
import type { Answers } from './merge.ts';
import type { ShowContext } from './show-context.ts';
import { int, table, text } from './table.ts';

type Row = readonly [name: string, items: number];

const COLUMNS = [text<Row>('list', ([name]) => name), int<Row>('items', ([, items]) => items)];

/** What is the same in every worker, or told by one more than once, is counted by name; the rest is added up. */
type Names = (context: ShowContext) => Iterable<string>;
const NAMES: Readonly<Partial<Record<keyof Lists, Names>>> = {
  databases: ({ control, snapshot }) => databaseRows(control, snapshot).map(({ name }) => name),
  users: ({ control, snapshot }) => userRows(control.config, snapshot).map(({ name }) => name),
  peers: ({ control }) => [...control.config.peers.keys()].map(String),
  pools: ({ snapshot }) => shownPools(snapshot).map(({ database, user }) => `${database}\0${user}`),
  peer_pools: ({ control }) => [...control.config.peers.keys()].map(String),
  dns_names: ({ snapshot }) => hostRows(snapshot).map(({ name }) => name),
  dns_zones: ({ snapshot }) => zoneRows(snapshot).map(({ name }) => name),
};

/** Behind the row: the names as JSON. */
function namesOf([list]: Row, context: ShowContext): Value[] {
  const names = NAMES[list as keyof Lists];
  return names === undefined ? [] : [JSON.stringify([...names(context)])];
}

export function mergeLists(answers: Answers): Value[][] {
  const merged = new Map<Value, { items: number; readonly names: Set<string> }>();
  for (const { answer } of answers)
    for (const [list = null, items, names] of answer) {
      const known = merged.get(list) ?? { items: 0, names: new Set() };
      merged.set(list, known);
      if (typeof names === 'string') {
        for (const name of JSON.parse(names) as string[]) known.names.add(name);
        known.items = known.names.size;
      } else known.items += Number(items);
    }
  return [...merged].map(([list, { items }]) => [list, items]);
}

export const showLists = table<Row>(COLUMNS, ({ control, snapshot }) => Object.entries(lists(control, snapshot)), {
  kind: 'own',
  told: namesOf,
  merge: mergeLists,
});
