// Values as PgBouncer's ini may write them, in the form that our own readers take.
import type { SettingRow } from '../table/row.ts';
import { MAX_CONNECTIONS } from '../table/row.ts';

/** PgBouncer: cf_set_int is strtol with base 0. */
const integer = /^[+-]?(?:0x[0-9a-f]{1,12}|0[0-7]{0,15}|[1-9]\d{0,14})$/i;
/** PgBouncer: parse_time is strtod. */
const float = /^\+?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d{1,3})?$/i;

/** Sizes of pools that may be 0 in PgBouncer: no limit. */
const UNLIMITED_AT_ZERO: ReadonlySet<string> = new Set(['default_pool_size', 'pool_size']);

/** What can't be converted is left as it is: the row's own reader says what is wrong with it. */
export function fromIni(key: string, row: SettingRow, text: string): string {
  if (UNLIMITED_AT_ZERO.has(key) && readInteger(text) === 0) return String(MAX_CONNECTIONS);
  switch (row.kind) {
    case 'bool': {
      const number = readInteger(text);
      return number === null ? text : number === 0 ? '0' : '1';
    }
    case 'int':
    case 'size': {
      const number = readInteger(text);
      return number === null ? text : String(number);
    }
    case 'duration':
      return float.test(text) ? decimal(Number(text)) : text;
    default:
      return text;
  }
}

export function readInteger(text: string): number | null {
  if (!integer.test(text)) return null;
  const digits = text.replace(/^[+-]/, '');
  const number = /^0[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number(digits);
  return text.startsWith('-') && number !== 0 ? -number : number;
}

/** Without an exponent, to the microsecond that PgBouncer counts. */
function decimal(seconds: number): string {
  if (seconds >= 1e15) return String(seconds);
  return seconds.toFixed(6).replace(/\.?0+$/, '');
}
