// Reads and writes the values of settings: "10s" and "256kB" as texts of a file, numbers in the code.
// Readers never throw: they return the value, or a Fault whose text completes the sentence that starts with the value.
import type { ChoicesRow, SettingRow, SettingValue } from './table/row.ts';

/** Why a text is not a value, without the text itself: "is not a whole number". Never carries the value, which may be a secret. */
export class Fault {
  readonly reason: string;
  constructor(reason: string) {
    this.reason = reason;
  }
}

/** Ten years. Stamps and their sums stay far below Number.MAX_SAFE_INTEGER. */
const MAX_DURATION_MS = 315_360_000_000;

const durationUnits: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1000],
  ['min', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
]);

const sizeUnits: ReadonlyMap<string, number> = new Map([
  ['b', 1],
  ['kb', 1024],
  ['mb', 1024 ** 2],
  ['gb', 1024 ** 3],
  ['tb', 1024 ** 4],
]);

const truths: ReadonlyMap<string, boolean> = new Map([
  ['1', true],
  ['on', true],
  ['true', true],
  ['yes', true],
  ['0', false],
  ['off', false],
  ['false', false],
  ['no', false],
]);

/** A decimal number and what follows it. 15 digits fit a number exactly; a longer one is refused before it is converted. */
const quantity = /^(\d{1,15}(?:\.\d{1,9})?) ?([A-Za-z]*)$/;

/** Milliseconds. Units: ms, s, min, h, d; a bare number is seconds, fractions allowed (as in PgBouncer). */
export function readDuration(text: string, min = 0, max = MAX_DURATION_MS): number | Fault {
  const match = quantity.exec(text.trim());
  if (!match) return new Fault('is not a duration: a number and one of ms, s, min, h, d');
  const unit = match[2] ?? '';
  const factor = unit === '' ? 1000 : durationUnits.get(unit);
  if (factor === undefined) {
    return new Fault(unit === 'm' ? 'has the unit m: minutes are min' : 'has no unit of time: use ms, s, min, h, d');
  }
  const exact = Number(match[1]) * factor;
  const ms = Math.round(exact);
  // 0 means "off" for most settings: a tiny time must not turn into that.
  if (exact > 0 && ms === 0) return new Fault('is less than 1ms');
  return inRange(ms, min, max, formatDuration);
}

/** Bytes. Units: B, kB, MB, GB, TB (of 1024, as in Postgres, in any case); a bare number is bytes. */
export function readSize(text: string, min: number, max: number): number | Fault {
  const match = quantity.exec(text.trim());
  if (!match) return new Fault('is not a size: a number and one of B, kB, MB, GB, TB');
  const unit = (match[2] ?? '').toLowerCase();
  const factor = unit === '' ? 1 : sizeUnits.get(unit);
  if (factor === undefined) return new Fault('has no unit of size: use B, kB, MB, GB, TB');
  const bytes = Number(match[1]) * factor;
  if (!Number.isSafeInteger(bytes)) return new Fault('is not a whole number of bytes');
  return inRange(bytes, min, max, formatSize);
}

/** A whole number in decimal digits. */
export function readInt(text: string, min: number, max: number): number | Fault {
  const trimmed = text.trim();
  if (!/^-?\d{1,15}$/.test(trimmed)) return new Fault('is not a whole number');
  return inRange(Number(trimmed), min, max, String);
}

/** PgBouncer: 0 and 1; Postgres: on/off, yes/no, true/false in any case. */
export function readBool(text: string): boolean | Fault {
  const value = truths.get(text.trim().toLowerCase());
  return value ?? new Fault('is not one of on, off, true, false, yes, no, 1, 0');
}

/** One text with commas, or a YAML list; blanks around items go, empty items too. */
export function readList(raw: string | readonly string[]): readonly string[] {
  const items = typeof raw === 'string' ? raw.split(',') : raw;
  return items.map((item) => item.trim()).filter((item) => item !== '');
}

/** Pairs on top of the row's defaults, in the row's order. */
function readChoices(row: ChoicesRow, raw: string | readonly string[]): readonly string[] | Fault {
  const chosen = new Map(row.default.map((pair) => splitPair(pair)));
  for (const pair of readList(raw)) {
    const [key, value] = splitPair(pair);
    if (!row.keys.includes(key)) return new Fault(`has a key that is not one of ${row.keys.join(', ')}`);
    if (!row.values.includes(value))
      return new Fault(`has a value for ${key} that is not one of ${row.values.join(', ')}`);
    chosen.set(key, value);
  }
  return Object.freeze([...chosen].map(([key, value]) => `${key}=${value}`));
}

function splitPair(pair: string): [string, string] {
  const [key = '', value = ''] = pair.split(/[=:]/, 2);
  return [key.trim().toLowerCase(), value.trim().toLowerCase()];
}

/** Items are "name=number". A name may have an equals sign itself. */
function faultOfPairs(items: readonly string[], { min, max }: { min: number; max: number }): Fault | null {
  for (const item of items) {
    const at = item.lastIndexOf('=');
    const number = at > 0 ? readInt(item.slice(at + 1), min, max) : new Fault('');
    if (number instanceof Fault)
      return new Fault(`has an item that is not name=number with a number from ${min} to ${max}`);
  }
  return null;
}

/** The value that `raw` is for this row, within the row's range. */
export function readValue(row: SettingRow, raw: string | readonly string[]): SettingValue | Fault {
  if (row.kind === 'list') {
    const items = readList(raw);
    if (items.some(hasNul)) return new Fault('has a zero byte');
    if (items.length < (row.minItems ?? 0)) return new Fault('is empty');
    if (row.numbers !== undefined) {
      const fault = faultOfPairs(items, row.numbers);
      if (fault !== null) return fault;
    }
    if (row.items !== undefined) {
      for (const item of items) {
        const number = readInt(item, row.items.min, row.items.max);
        if (number instanceof Fault) return number;
      }
    }
    return Object.freeze(items);
  }
  if (row.kind === 'choices') return readChoices(row, raw);
  if (typeof raw !== 'string') return new Fault('is a list: one value is expected');
  switch (row.kind) {
    case 'bool':
      return readBool(raw);
    case 'duration':
      return readDuration(raw, row.min, row.max);
    case 'enum':
      return readEnum(raw.trim(), row.values, row.refused);
    case 'int':
      return row.auto && raw.trim().toLowerCase() === 'auto' ? 0 : readInt(raw, row.min, row.max);
    case 'size':
      return readSize(raw, row.min, row.max);
    case 'secret':
    case 'text':
      // Texts go to Postgres and to system calls, where a zero byte would end them early.
      return hasNul(raw) ? new Fault('has a zero byte') : raw;
  }
}

function readEnum(text: string, values: readonly string[], refused: Readonly<Record<string, string>> = {}) {
  const value = text.toLowerCase();
  if (values.includes(value)) return value;
  const why = Object.hasOwn(refused, value) ? refused[value] : undefined;
  return new Fault(why ? `is not possible: ${why}` : `is not one of ${values.join(', ')}`);
}

function hasNul(text: string): boolean {
  return text.includes('\0');
}

function inRange(value: number, min: number, max: number, format: (value: number) => string): number | Fault {
  if (value < min) return new Fault(`is below the minimum, ${format(min)}`);
  if (value > max) return new Fault(`is above the maximum, ${format(max)}`);
  return value;
}

/** Shortest exact form in one unit: 90000 is "90s", 3600000 is "1h", 0 is "0". */
export function formatDuration(ms: number): string {
  return inLargestUnit(ms, durationUnits, (unit) => unit);
}

/** Shortest exact form in one unit: 262144 is "256kB", 0 is "0". */
export function formatSize(bytes: number): string {
  return inLargestUnit(bytes, sizeUnits, (unit) => (unit === 'kb' ? 'kB' : unit.toUpperCase()));
}

function inLargestUnit(value: number, units: ReadonlyMap<string, number>, spell: (unit: string) => string): string {
  if (value === 0) return '0';
  let text = String(value);
  for (const [unit, factor] of units) {
    if (value % factor === 0) text = `${value / factor}${spell(unit)}`;
  }
  return text;
}

/** As a person writes it in a file: "10s", "2147483647B", "on", "a, b". Secrets are "****". */
export function formatValue(row: SettingRow, value: SettingValue): string {
  if (row.kind === 'secret') return value === '' ? '' : '****';
  if (row.kind === 'duration') return formatDuration(Number(value));
  if (row.kind === 'size') return formatSize(Number(value));
  if (row.kind === 'int' && row.auto && value === 0) return 'auto';
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return typeof value === 'object' ? value.join(', ') : String(value);
}

/** As PgBouncer's SHOW CONFIG says it: seconds, bytes, 0 and 1, lists with commas. Secrets are "****". */
export function showValue(row: SettingRow, value: SettingValue): string {
  if (row.kind === 'secret') return value === '' ? '' : '****';
  if (row.kind === 'duration') return String(Number(value) / 1000);
  if (typeof value === 'boolean') return value ? '1' : '0';
  return typeof value === 'object' ? value.join(',') : String(value);
}
