// The log: pino, JSON on standard output, or coloured lines where a person looks.

import { type DestinationStream, type Logger, type LoggerOptions, pino } from 'pino';
import pretty from 'pino-pretty';
import type { Settings } from '../config/settings-table.ts';

export type { Logger } from 'pino';

/** Keys under which a secret could ever stand: what they hold never reaches the log. */
const REDACTED = ['password', 'secret', 'secrets', 'cancelKey', '*.password', '*.secret', '*.secrets', '*.cancelKey'];

/** The file of the setting logfile. Opened again, so that a rotated one is let go. */
export class LogFile {
  readonly stream: ReturnType<typeof pino.destination>;
  #hasFailed = false;

  /** Throws when it can't be opened. */
  constructor(path: string) {
    this.stream = pino.destination({ dest: path, append: true, sync: true });
    // A full disk must not end the pooler; the line is lost, standard output still has it.
    this.stream.on('error', (error: Error) => {
      if (!this.#hasFailed) process.stderr.write(`pgsluice: logfile: ${error.message}\n`);
      this.#hasFailed = true;
    });
  }

  reopen(): void {
    this.#hasFailed = false;
    this.stream.reopen();
  }
}

export interface LogOptions {
  readonly file?: LogFile | null;
  /** Nothing on standard output. */
  readonly quiet?: boolean;
  /** In each line; null: there is one process. */
  readonly worker?: number | null;
  /** For tests: in place of standard output. */
  readonly destination?: DestinationStream;
}

export function createLog(
  settings: Pick<Settings, 'log_format' | 'log_level'>,
  { file = null, quiet = false, worker = null, destination }: LogOptions = {},
): Logger {
  const options: LoggerOptions = {
    level: settings.log_level,
    base: worker === null ? null : { worker },
    redact: { paths: REDACTED, censor: '****' },
    formatters: { level: (label: string) => ({ level: label }) },
    timestamp: pino.stdTimeFunctions.isoTime,
  };
  const standard = quiet ? null : (destination ?? standardOutput(settings));
  if (file === null) return standard === null ? pino({ ...options, enabled: false }) : pino(options, standard);
  // Levels are the logger's to filter: a reload changes them in one place.
  const streams = [file.stream, ...(standard === null ? [] : [standard])].map((stream) => ({ stream, level: 'trace' }));
  return pino(options, pino.multistream(streams as { stream: DestinationStream; level: 'trace' }[]));
}

function standardOutput({ log_format }: Pick<Settings, 'log_format'>): DestinationStream {
  const isTerminal = process.stdout.isTTY === true;
  if (log_format === 'pretty' || (log_format === 'auto' && isTerminal))
    return pretty({ colorize: isTerminal, sync: true, ignore: 'pid,hostname' });
  return pino.destination({ dest: 1, sync: true });
}
