// Writes config.schema.json, which lets an editor complete and check a configuration. Made from the settings table.
import { formatValue } from './kinds.ts';
import { rowsOf } from './settings-table.ts';
import { otherSettings } from './table/other.ts';
import type { Scope, SettingRow } from './table/row.ts';

type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** A value may always be written as a text with ${NAME} in it: what it expands to is checked when it is read. */
// biome-ignore lint/suspicious/noTemplateCurlyInString: the pattern of that notation
const variable: Json = { type: 'string', pattern: '\\$\\{', description: 'Expanded from the environment: ${NAME}.' };

/** The text of the file, with a newline at its end. */
export function generateSchema(): string {
  const entryOf = (scope: Scope): Json => ({ anyOf: [mapOf(scope), { type: 'null' }] });
  const schema: Json = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'pgsluice configuration',
    ...mapOf('global', {
      databases: {
        description: 'Databases that clients may ask for, by name; "*" takes every other name.',
        type: ['object', 'null'],
        additionalProperties: entryOf('database'),
      },
      users: {
        description: 'Users that clients may log in as, by name.',
        type: ['object', 'null'],
        additionalProperties: entryOf('user'),
      },
      peers: {
        description: 'Other processes that share the port, by their peer_id.',
        type: ['object', 'null'],
        additionalProperties: entryOf('peer'),
      },
    }),
  };
  return `${JSON.stringify(schema, null, 2)}\n`;
}

function mapOf(scope: Scope, more: { readonly [key: string]: Json } = {}): { readonly [key: string]: Json } {
  const properties: Record<string, Json> = {};
  for (const [key, row] of rowsOf[scope]) properties[key] = propertyOf(row);
  for (const [key, other] of Object.entries(otherSettings)) {
    if (!(other.scope ?? ['global']).includes(scope)) continue;
    if (other.fate === 'no_effect') properties[key] = { description: `No effect: ${other.why}.`, deprecated: true };
    else if (other.accepts) properties[key] = { description: `${other.why}.`, anyOf: off(other.accepts) };
  }
  return { type: 'object', additionalProperties: false, properties: { ...properties, ...more } };
}

/** "0" and "off" are a number and a boolean to an editor when they stand without quotes. */
function off(accepts: readonly string[]): readonly Json[] {
  const numbers = accepts.includes('0') ? [0] : [];
  const booleans = accepts.includes('false') ? [false] : [];
  return [{ enum: [...accepts, ...numbers, ...booleans] }];
}

function propertyOf(row: SettingRow): Json {
  const fallback = row.default === null || row.kind === 'secret' ? {} : { default: defaultOf(row) };
  return { description: row.doc, ...fallback, anyOf: [...shapesOf(row), variable] };
}

function defaultOf(row: SettingRow): Json {
  if (row.default === null) return null;
  if (row.kind === 'duration' || row.kind === 'size') return formatValue(row, row.default);
  return row.default;
}

function shapesOf(row: SettingRow): readonly Json[] {
  switch (row.kind) {
    case 'bool':
      return [{ type: 'boolean' }, { enum: [0, 1, 'on', 'off', 'yes', 'no'] }];
    case 'choices':
      return [
        {
          type: 'object',
          additionalProperties: false,
          properties: Object.fromEntries(row.keys.map((key) => [key, { enum: row.values }])),
        },
        { type: 'string' },
      ];
    case 'duration':
      return [
        { type: 'number', minimum: 0 },
        { type: 'string', pattern: '^\\d+(\\.\\d+)? ?(ms|s|min|h|d)?$' },
      ];
    case 'enum':
      return [{ enum: row.values }];
    case 'int':
      return [{ type: 'integer', minimum: row.min, maximum: row.max }, ...(row.auto ? [{ enum: ['auto'] }] : [])];
    case 'list':
      if (row.numbers !== undefined) {
        const { min, max } = row.numbers;
        return [
          { type: 'object', additionalProperties: { type: 'integer', minimum: min, maximum: max } },
          { type: 'array', items: { type: 'string', pattern: '=\\d+$' } },
          { type: 'string' },
        ];
      }
      if (row.items !== undefined) {
        const number = { type: 'integer', minimum: row.items.min, maximum: row.items.max };
        return [number, { type: 'array', items: number, minItems: row.minItems ?? 0 }, { type: 'string' }];
      }
      return [{ type: 'array', items: { type: 'string' }, minItems: row.minItems ?? 0 }, { type: 'string' }];
    case 'size':
      return [
        { type: 'integer', minimum: row.min, maximum: row.max },
        { type: 'string', pattern: '^\\d+(\\.\\d+)? ?([kKmMgGtT]?[bB])?$' },
      ];
    case 'secret':
    case 'text':
      return [{ type: ['string', 'number'] }];
  }
}
