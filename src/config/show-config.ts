// The rows of SHOW CONFIG.
import type { Config } from './config.ts';
import { showValue } from './kinds.ts';
import { compareKeys, defaultSettings, rowsOf, type SettingKey } from './settings-table.ts';

/** Columns as in PgBouncer. */
export interface ConfigRow {
  readonly key: string;
  /** In PgBouncer's own units: seconds, bytes, 0 and 1. */
  readonly value: string;
  readonly default: string;
  /** Whether a reload changes it. */
  readonly changeable: 'yes' | 'no';
}

/** Alphabetical. `conffile` is among them, as in PgBouncer. Secrets are ****. */
export function showConfig(config: Config): readonly ConfigRow[] {
  const rows: ConfigRow[] = [...rowsOf.global].map(([key, row]) => ({
    key,
    value: showValue(row, config.settings[key as SettingKey]),
    default: showValue(row, defaultSettings[key as SettingKey]),
    changeable: row.reload === 'restart' ? 'no' : 'yes',
  }));
  rows.push({ key: 'conffile', value: config.file ?? '', default: '', changeable: 'no' });
  return rows.sort((a, b) => compareKeys(a.key, b.key));
}
