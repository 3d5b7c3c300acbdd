// `pgsluice run` as a process of its own: its log, its exit code, its signals.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import type { ConfigTree, LogLine } from '../../support/pooler.ts';
import { waitUntil } from '../../support/wait-until.ts';

const COMMAND = join(import.meta.dirname, '../../../src/cli/pgsluice.ts');

export interface CommandOptions {
  /** ulimit -n. */
  readonly openFiles?: number;
  /** The program `script`, which gives it a terminal. */
  readonly terminal?: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export class Command {
  /** The file of the configuration; a reload reads it again. */
  readonly file: string;
  /** What it printed, line by line. */
  readonly output: string[] = [];
  readonly process: ChildProcess;
  exitCode: number | null = null;
  #settings: ConfigTree;

  constructor(file: string, settings: ConfigTree, process: ChildProcess) {
    this.file = file;
    this.#settings = settings;
    this.process = process;
    for (const stream of [process.stdout!, process.stderr!]) {
      createInterface({ input: stream }).on('line', (line) => this.output.push(line));
    }
    process.on('exit', (code) => {
      this.exitCode = code;
    });
  }

  /** The log so far; only where log_format gives JSON. */
  get log(): LogLine[] {
    return this.output.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
  }

  /** The first line of the log whose message starts so. */
  line(message: string): Promise<LogLine> {
    return waitUntil(() => this.log.find(({ msg }) => msg.startsWith(message)), { what: `"${message}" in the log` });
  }

  /** Where clients connect, as soon as it is up. */
  async port(): Promise<number> {
    const { addresses } = await this.line('pgsluice is up');
    return Number(/\d+$/.exec((addresses as string[])[0]!)?.[0]);
  }

  /** What a reload will read. */
  change(settings: ConfigTree): void {
    this.#settings = { ...this.#settings, ...settings };
    writeFileSync(this.file, stringify(this.#settings));
  }

  signal(name: NodeJS.Signals): void {
    this.process.kill(name);
  }

  get hasExited(): boolean {
    return this.exitCode !== null || this.process.signalCode !== null;
  }

  /** Its exit code. */
  async exit(): Promise<number | null> {
    if (!this.hasExited) await once(this.process, 'exit');
    return this.exitCode;
  }
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').map(Number).filter(Boolean);
}

/** Runs the command with this configuration until the test ends. Without databases: it needs no Postgres. */
export async function commandWith(settings: ConfigTree, options: CommandOptions = {}): Promise<Command> {
  const directory = mkdtempSync(join(tmpdir(), 'pgsluice-command-'));
  const file = join(directory, 'pgsluice.yaml');
  const tree = { listen_port: 0, http_listen_port: 0, ...settings };
  writeFileSync(file, stringify(tree));
  const command = new Command(file, tree, start(['run', '--config', file], options));
  endWithTest(command, () => rmSync(directory, { recursive: true, force: true }));
  return command;
}

/** Runs the command with these arguments until the test ends. */
export function commandLine(args: readonly string[], options: CommandOptions = {}): Command {
  const command = new Command('', {}, start(args, options));
  endWithTest(command, () => {});
  return command;
}

function start(args: readonly string[], { openFiles, terminal, cwd, env }: CommandOptions): ChildProcess {
  const limit = openFiles === undefined ? '' : `ulimit -n ${openFiles}; `;
  const argv = [process.execPath, '--disable-sigusr1', COMMAND, ...args];
  const wrapped = terminal === undefined ? argv : [terminal, '-qefc', `exec ${argv.join(' ')}`, '/dev/null'];
  const shell = ['-c', `${limit}exec "$@"`, 'sh', ...wrapped];
  return spawn('/bin/sh', shell, { stdio: ['ignore', 'pipe', 'pipe'], cwd, env: { ...process.env, ...env } });
}

function endWithTest(command: Command, cleanUp: () => void): void {
  onTestFinished(async () => {
    if (!command.hasExited) {
      // A terminal's program leads a session of its own, and would outlive `script`.
      for (const child of childrenOf(command.process.pid!)) process.kill(child, 'SIGKILL');
      command.signal('SIGKILL');
    }
    await command.exit();
    cleanUp();
  });
}
