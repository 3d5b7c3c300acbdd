// The commands of the console that do something: each is one call to control. PgBouncer: src/admin.c, the same words for each refusal.

import { CONSOLE_DATABASES, databaseEntry } from '../config/config.ts';
import { formatProblems } from '../config/problems.ts';
import type { Control } from '../control.ts';
import { ConsoleError } from './console-error.ts';

export interface Command {
  /** Whether it may have this word behind it. */
  takes(argument: string): boolean;
  /** Throws a ConsoleError; the command is answered when the promise is fulfilled. */
  run(control: Control, argument: string | null): void | Promise<void>;
}

/** A database that is in the file, and not the console's. refusal: what can't be done to that one. */
function knownDatabase(control: Control, name: string, refusal: string): string {
  if (CONSOLE_DATABASES.includes(name)) throw new ConsoleError('42501', `cannot ${refusal} admin db: ${name}`);
  if (databaseEntry(control.config, name) === null) throw new ConsoleError('3D000', `no such database: ${name}`);
  return name;
}

/** For a database, or without a name for all of them. */
function forSome(refusal: string, run: (control: Control, database: string | null) => void | Promise<void>): Command {
  return {
    takes: () => true,
    run: (control, name) => run(control, name === null ? null : knownDatabase(control, name, refusal)),
  };
}

function forOne(refusal: string, run: (control: Control, database: string) => void): Command {
  return {
    takes: () => true,
    run: (control, name) => {
      if (name === null) throw new ConsoleError('42601', 'a database is required');
      run(control, knownDatabase(control, name, refusal));
    },
  };
}

function pause(control: Control, database: string | null): Promise<void> {
  if (control.isAllPaused) throw new ConsoleError('55000', 'already paused');
  return control.pause(database);
}

const RESUME: Command = {
  takes: () => true,
  run: (control, name) => {
    if (name === null) {
      if (!control.isOpen) throw new ConsoleError('57P01', 'pooler is shutting down');
      if (!control.isAllPaused) throw new ConsoleError('55000', 'pooler is not paused');
    } else {
      // The console's own database is known, and never paused.
      const isKnown = CONSOLE_DATABASES.includes(name) || databaseEntry(control.config, name) !== null;
      if (!isKnown) throw new ConsoleError('3D000', `no such database: ${name}`);
      if (!control.isPausedItself(name)) throw new ConsoleError('55000', `database ${name} is not paused`);
    }
    control.resume(name);
  },
};

const RELOAD: Command = {
  takes: () => false,
  run: (control) => {
    const result = control.reload();
    if (result.ok) return;
    throw new ConsoleError('F0000', `RELOAD failed, nothing was changed: ${formatProblems(result.problems)}`);
  },
};

const KILL_CLIENT: Command = {
  takes: () => true,
  run: (control, argument) => {
    // SHOW CLIENTS gives the number as id, and with a letter as ptr.
    const digits = argument?.replace(/^c/, '') ?? '';
    if (!/^\d+$/.test(digits)) throw new ConsoleError('42601', 'invalid client pointer supplied');
    if (!control.killClient(Number(digits))) throw new ConsoleError('42704', 'client not found');
  },
};

const SHUTDOWN_MODES = ['wait_for_clients', 'drain', 'wait_for_servers'] as const;

const SHUTDOWN: Command = {
  takes: (argument) => SHUTDOWN_MODES.some((mode) => mode === argument.toLowerCase()),
  run: (control, argument) => {
    const mode = SHUTDOWN_MODES.find((known) => known === argument?.toLowerCase());
    if (mode === undefined)
      setImmediate(() => control.shutdown('immediate')); // behind the answer
    else control.shutdown(mode);
  },
};

/** By verb, upper case; the tag of the reply is the verb. */
export const COMMANDS: ReadonlyMap<string, Command> = new Map([
  ['DISABLE', forOne('disable', (control, name) => control.disable(name))],
  ['ENABLE', forOne('enable', (control, name) => control.enable(name))],
  ['KILL', forSome('kill', (control, name) => control.kill(name))],
  ['KILL_CLIENT', KILL_CLIENT],
  ['PAUSE', forSome('pause', pause)],
  ['RECONNECT', forSome('reconnect', (control, name) => control.reconnect(name))],
  ['RELOAD', RELOAD],
  ['RESUME', RESUME],
  ['SHUTDOWN', SHUTDOWN],
  ['WAIT_CLOSE', forSome('wait in', (control, name) => control.waitClose(name))],
]);
