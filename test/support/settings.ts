// The settings of a pool by default, with some of them changed: for tests of the rules that read them.
import { type EffectiveSettings, effectiveSettings } from '../../src/config/effective.ts';
import { parseConfig } from '../../src/config/load.ts';

const result = parseConfig('databases: { app: { host: db } }', { env: {} });
if (!result.ok) throw new Error('the smallest configuration is not usable');
const defaults = effectiveSettings(result.config, 'app', 'app');

export function settings(changed: Partial<EffectiveSettings> = {}): EffectiveSettings {
  return { ...defaults, ...changed };
}
