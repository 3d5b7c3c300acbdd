// Settings of Postgres that drivers ask the console for or set there: it has a fixed value of each. PgBouncer: fake_param_list in src/admin.c.

import { type Show, table, text } from './table.ts';

const VALUES: ReadonlyMap<string, string> = new Map([
  ['client_encoding', 'UTF-8'],
  ['datestyle', 'ISO'],
  ['default_transaction_isolation', 'read committed'],
  ['extra_float_digits', '2'],
  ['standard_conforming_strings', 'on'],
  ['timezone', 'GMT'],
]);

/** In any case. */
export function isGuc(name: string): boolean {
  return VALUES.has(name.toLowerCase());
}

export const GUC_SHOWS: ReadonlyMap<string, Show> = new Map(
  [...VALUES].map(([name, value]) => [name, table([text<string>(name, (row) => row)], () => [value])]),
);
