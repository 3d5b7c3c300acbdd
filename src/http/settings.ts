// GET /api/v1/settings: what is in force, beside what would be without a file.

import type { Config } from '../config/config.ts';
import { formatValue } from '../config/kinds.ts';
import { defaultSettings, type SettingKey, topics } from '../config/settings-table.ts';
import type { Answer } from './specs.ts';

export function listSettings(config: Config): Answer<'settings'> {
  const settings = topics.flatMap(({ title, rows }) =>
    Object.entries(rows).map(([key, row]) => {
      const value = formatValue(row, config.settings[key as SettingKey]);
      const fallback = formatValue(row, defaultSettings[key as SettingKey]);
      const { reload, doc, differs = null } = row;
      return { key, value, default: fallback, isDefault: value === fallback, reload, topic: title, doc, differs };
    }),
  );
  return { file: config.file, settings };
}
