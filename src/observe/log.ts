// The log: pino, JSON on standard output, or coloured lines where a person looks.

import { type DestinationStream, type Logger, type LoggerOptions, pino } from 'pino';
import pretty from 'pino-pretty';
import type { Settings } from '../config/settings-table.ts';

export type { Logger } from 'pino';

/** Keys under which a secret could ever stand, in what is logged or one level below: what they hold never reaches the log. */
const SECRETS: ReadonlySet<string> = new Set(['password', 'secret', 'secrets', 'cancelKey']);
const CENSORED = '****';

/** Lines that came at once are written together, after so long or when they are so many bytes: a login and a logout are a line each. */
const GATHER_MS = 50;
const GATHER_BYTES = 4_096;

/** pino's own redaction copies what it looks at, for each line. */
function withoutSecrets(facts: Record<string, unknown>): Record<string, unknown> {
  let shown = facts;
  for (const key in facts) {
    const value = facts[key];
    const isSecret = SECRETS.has(key);
    if (
      !isSecret &&
      (typeof value !== 'object' || value === null || !Object.keys(value).some((name) => SECRETS.has(name)))
    )
      continue;
    if (shown === facts) shown = { ...facts };
    shown[key] = isSecret ? CENSORED : withoutSecrets(value as Record<string, unknown>);
  }
  return shown;
}

/** Gathers lines. What a process has gathered when it ends is written; only a kill loses it. */
export class GatheredLines implements DestinationStream {
  readonly #to: DestinationStream;
  #text = '';
  #isWaiting = false;

  constructor(to: DestinationStream) {
    this.#to = to;
    process.on('exit', this.flush);
  }

  write(line: string): void {
    this.#text += line;
    if (this.#text.length >= GATHER_BYTES) this.flush();
    else if (!this.#isWaiting) {
      this.#isWaiting = true;
      setTimeout(this.flush, GATHER_MS).unref();
    }
  }

  readonly flush = (): void => {
    this.#isWaiting = false;
    const text = this.#text;
    this.#text = '';
    if (text !== '') this.#to.write(text);
  };

  close(): void {
    this.flush();
    process.removeListener('exit', this.flush);
  }
}

/** The file of the setting logfile. Opened again, so that a rotated one is let go. */
export class LogFile {
  readonly stream: GatheredLines;
  readonly #file: ReturnType<typeof pino.destination>;
  #hasFailed = false;

  /** Throws when it can't be opened. */
  constructor(path: string) {
    this.#file = pino.destination({ dest: path, append: true, sync: true });
    this.stream = new GatheredLines(this.#file);
    // A full disk must not end the pooler; the line is lost, standard output still has it.
    this.#file.on('error', (error: Error) => {
      if (!this.#hasFailed) process.stderr.write(`pgsluice: logfile: ${error.message}\n`);
      this.#hasFailed = true;
    });
  }

  reopen(): void {
    this.stream.flush();
    this.#hasFailed = false;
    this.#file.reopen();
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
    formatters: { level: (label: string) => ({ level: label }), log: withoutSecrets },
    timestamp: pino.stdTimeFunctions.isoTime,
  };
  const standard = quiet ? null : (destination ?? standardOutput(settings));
  if (file === null) return standard === null ? pino({ ...options, enabled: false }) : pino(options, standard);
  // Levels are the logger's to filter: a reload changes them in one place.
  const streams = [file.stream, ...(standard === null ? [] : [standard])].map((stream) => ({ stream, level: 'trace' }));
  return pino(options, pino.multistream(streams as { stream: DestinationStream; level: 'trace' }[]));
}

let standardLines: GatheredLines | null = null;

function standardOutput({ log_format }: Pick<Settings, 'log_format'>): DestinationStream {
  const isTerminal = process.stdout.isTTY === true;
  if (log_format === 'pretty' || (log_format === 'auto' && isTerminal))
    return pretty({ colorize: isTerminal, sync: true, ignore: 'pid,hostname' });
  standardLines ??= new GatheredLines(pino.destination({ dest: 1, sync: true }));
  return standardLines;
}
