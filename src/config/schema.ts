// The zod schemas of the three scopes, made from the settings table, and what they find wrong in the values of one map.
import { z } from 'zod';
import { Fault, readValue } from './kinds.ts';
import { rowsOf } from './settings-table.ts';
import type { Scope, SettingRow, SettingValue } from './table/row.ts';

/** Values as the file has them: every scalar is a text. */
export type RawValues = Readonly<Record<string, string | readonly string[]>>;

export interface ScopeResult {
  /** The values that are right, whatever is wrong with others. */
  readonly values: Readonly<Record<string, SettingValue>>;
  /** `reason` completes a sentence that starts with the value. */
  readonly faults: readonly { readonly key: string; readonly reason: string }[];
}

function rowSchema(row: SettingRow) {
  return z.union([z.string(), z.array(z.string())]).transform((raw, context): SettingValue => {
    const value = readValue(row, raw);
    if (!(value instanceof Fault)) return value;
    // Without `input`: a secret must not travel in an issue.
    context.addIssue({ code: 'custom', message: value.reason });
    return z.NEVER;
  });
}

function scopeSchema(scope: Scope) {
  const shape = [...rowsOf[scope]].map(([key, row]) => [key, rowSchema(row).optional()] as const);
  return z.strictObject(Object.fromEntries(shape));
}

const schemas = {
  global: scopeSchema('global'),
  database: scopeSchema('database'),
  user: scopeSchema('user'),
  peer: scopeSchema('peer'),
} as const;

/** Checks the values of one map. Keys that have no row in the scope must have been dealt with before. */
export function checkScope(scope: Scope, raw: RawValues): ScopeResult {
  const first = schemas[scope].safeParse(raw);
  if (first.success) return { values: definedOf(first.data), faults: [] };
  const faults = first.error.issues.map((issue) => ({ key: String(issue.path[0] ?? ''), reason: issue.message }));
  // What is right is wanted too, so that contradictions are told along with wrong values.
  const wrong = new Set(faults.map((fault) => fault.key));
  const rest = Object.fromEntries(Object.entries(raw).filter(([key]) => !wrong.has(key)));
  const second = schemas[scope].safeParse(rest);
  return { values: second.success ? definedOf(second.data) : {}, faults };
}

function definedOf(data: Readonly<Record<string, SettingValue | undefined>>): Record<string, SettingValue> {
  const values: Record<string, SettingValue> = {};
  for (const [key, value] of Object.entries(data)) if (value !== undefined) values[key] = value;
  return values;
}
