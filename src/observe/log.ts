// The log: pino, JSON on standard output, or coloured lines where a person looks.

import { type DestinationStream, type Logger, type LoggerOptions, pino } from 'pino';
import pretty from 'pino-pretty';
import type { Settings } from '../config/settings-table.ts';

export type { Logger } from 'pino';

/** Keys under which a secret could ever stand: what they hold never reaches the log. */
const REDACTED = ['password', 'secret', 'secrets', 'cancelKey', '*.password', '*.secret', '*.secrets', '*.cancelKey'];

/** destination: for tests; default standard output. */
export function createLog(
  settings: Pick<Settings, 'log_format' | 'log_level'>,
  destination?: DestinationStream,
): Logger {
  const isPretty =
    settings.log_format === 'pretty' || (settings.log_format === 'auto' && process.stdout.isTTY === true);
  const options: LoggerOptions = {
    level: settings.log_level,
    base: null,
    redact: { paths: REDACTED, censor: '****' },
    formatters: { level: (label: string) => ({ level: label }) },
    timestamp: pino.stdTimeFunctions.isoTime,
  };
  if (destination !== undefined) return pino(options, destination);
  if (isPretty)
    return pino(options, pretty({ colorize: process.stdout.isTTY === true, sync: true, ignore: 'pid,hostname' }));
  return pino(options, pino.destination({ dest: 1, sync: true }));
}
