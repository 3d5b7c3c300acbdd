// Keeps the passwords that change while the process runs: of files that are replaced, and of commands that give tokens.
//
// A file is looked at every second, and at each login of a client that it is for; a command runs when its answer has become
// old. Both are read again when Postgres refuses what they gave. What can't be read leaves the last good one in force.
import { stat } from 'node:fs/promises';
import type { Config, PasswordSource } from '../config/config.ts';
import { Fault } from '../config/kinds.ts';
import { passwordSourcesOf, readPasswordFile, withPasswords } from '../config/passwords.ts';
import { Joined } from '../util/joined.ts';
import { runPasswordCommand } from './password-command.ts';

export interface PasswordKeeperOptions {
  /** In ms. */
  readonly now: () => number;
  readonly ttlMs: () => number;
  readonly timeoutMs: () => number;
  /** A source has another password now. */
  readonly onChange: (name: string) => void;
  readonly onProblem: (name: string, problem: string) => void;
}

interface Kept {
  readonly source: PasswordSource;
  /** For the log: the file, or the program without its arguments. */
  readonly name: string;
  secret: string | null;
  /** What the file was like when it was last read. */
  stamp: string;
  /** When it was last tried; for a command, whether it worked or not. */
  readAt: number;
  hasFailed: boolean;
  /** The next look reads it whatever it looks like. */
  isDoubted: boolean;
}

/** Files are looked at so often. */
const LOOK_MS = 1_000;
/** A command that has failed runs again after this. */
const RETRY_MS = 5_000;
/** Logins that fail run a command no more often. */
const DOUBT_MS = 1_000;

export class PasswordKeeper {
  readonly #options: PasswordKeeperOptions;
  readonly #kept = new Map<string, Kept>();
  readonly #reading = new Joined<Kept, void>((kept) => this.#read(kept));
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(options: PasswordKeeperOptions) {
    this.#options = options;
  }

  /** A configuration that was just read: its files were, too. The same one, with what commands have given. */
  use(config: Config): Config {
    const named = new Map<string, { source: PasswordSource; password: string | null }>();
    for (const { source, password } of passwordSourcesOf(config)) named.set(keyOf(source), { source, password });
    for (const key of this.#kept.keys()) if (!named.has(key)) this.#kept.delete(key);
    for (const [key, { source, password }] of named) {
      const kept = this.#kept.get(key);
      if (kept === undefined) this.#kept.set(key, keep(source, password));
      else if (source.kind === 'file') kept.secret = password;
    }
    return this.apply(config);
  }

  apply(config: Config): Config {
    return withPasswords(config, (source) => this.#kept.get(keyOf(source))?.secret ?? null);
  }

  /** Runs every command for the first time. */
  async start(): Promise<void> {
    await Promise.all([...this.#kept.values()].filter(isCommand).map((kept) => this.#reading.run(kept)));
  }

  /** The janitor's moment. */
  tick(now: number): void {
    if (now - this.#lookedAt < LOOK_MS) return;
    this.#lookedAt = now;
    for (const kept of this.#kept.values()) {
      if (this.#reading.has(kept)) continue;
      if (!isCommand(kept) || this.#isOld(kept, now)) void this.#reading.run(kept);
    }
  }

  /** Before a client's login: what its file says now, or the command if it never worked. */
  async refresh(source: PasswordSource): Promise<void> {
    const kept = this.#kept.get(keyOf(source));
    if (kept === undefined || (isCommand(kept) && kept.secret !== null)) return;
    if (isCommand(kept) && kept.hasFailed && this.#options.now() - kept.readAt < DOUBT_MS) return;
    await this.#reading.run(kept);
  }

  /** A login has failed with what the source gave: it is read again. */
  doubt(source: PasswordSource): void {
    const kept = this.#kept.get(keyOf(source));
    if (kept === undefined) return;
    if (isCommand(kept) && this.#options.now() - kept.readAt < DOUBT_MS) return;
    kept.isDoubted = true;
    void this.#reading.run(kept);
  }

  #isOld(kept: Kept, now: number): boolean {
    if (kept.secret === null && !kept.hasFailed) return true;
    const ttlMs = this.#options.ttlMs();
    const age = now - kept.readAt;
    return kept.hasFailed ? age >= RETRY_MS : ttlMs > 0 && age >= ttlMs;
  }

  async #read(kept: Kept): Promise<void> {
    const { source } = kept;
    if (source.kind === 'file') await this.#readFile(kept, source.path);
    else {
      kept.readAt = this.#options.now();
      const result = await runPasswordCommand(source.argv, this.#options.timeoutMs());
      this.#took(kept, result.ok ? result.secret : new Fault(result.problem));
    }
  }

  async #readFile(kept: Kept, path: string): Promise<void> {
    const stamp = await stampOf(path);
    if (stamp === kept.stamp && !kept.isDoubted) return;
    kept.isDoubted = false;
    kept.stamp = stamp;
    this.#took(kept, readPasswordFile(path));
  }

  #took(kept: Kept, secret: string | Fault): void {
    if (secret instanceof Fault) {
      kept.hasFailed = true;
      this.#options.onProblem(kept.name, secret.reason);
      return;
    }
    kept.hasFailed = false;
    if (secret === kept.secret) return;
    kept.secret = secret;
    this.#options.onChange(kept.name);
  }
}

function isCommand({ source }: Kept): boolean {
  return source.kind === 'command';
}

function keep(source: PasswordSource, secret: string | null): Kept {
  const name = source.kind === 'file' ? source.path : (source.argv[0] ?? '');
  const readAt = Number.NEGATIVE_INFINITY;
  return { source, name, secret, stamp: '', readAt, hasFailed: false, isDoubted: false };
}

function keyOf(source: PasswordSource): string {
  return JSON.stringify(source.kind === 'file' ? source.path : source.argv);
}

/** Another one for another file, and for the same one with another content. A link to it counts for what it points to. */
async function stampOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join();
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}
