// The commands of the console that do something: each is one order. PgBouncer: src/admin.c, the same words for each refusal.

import { CONSOLE_DATABASES, databaseEntry } from '../config/config.ts';
import { formatProblems } from '../config/problems.ts';
import type { Control } from '../control.ts';
import type { DatabaseVerb, Verbs } from '../orders.ts';
import { ConsoleError } from './console-error.ts';

export interface Command {
  /** Whether it may have this word behind it. */
  takes(argument: string): boolean;
  /** Throws a ConsoleError; the command is answered when the promise is fulfilled. */
  run(verbs: Verbs, argument: string | null): Promise<void>;
}

/** A database that is in the file, and not the console's. refusal: what can't be done to that one. */
function knownDatabase(control: Control, name: string, refusal: string): string {
  if (CONSOLE_DATABASES.includes(name)) throw new ConsoleError('42501', `cannot ${refusal} admin db: ${name}`);
  if (databaseEntry(control.config, name) === null) throw new ConsoleError('3D000', `no such database: ${name}`);
  return name;
}

/** For a database, or without a name for all of them. */
function forSome(refusal: string, verb: DatabaseVerb): Command {
  return {
    takes: () => true,
    run: async (verbs, name) => {
      const database = name === null ? null : knownDatabase(verbs.control, name, refusal);
      if (verb === 'pause' && verbs.control.isAllPaused) throw new ConsoleError('55000', 'already paused');
      await verbs.perform({ verb, database });
    },
  };
}

function forOne(verb: 'disable' | 'enable'): Command {
  return {
    takes: () => true,
    run: async (verbs, name) => {
      if (name === null) throw new ConsoleError('42601', 'a database is required');
      await verbs.perform({ verb, database: knownDatabase(verbs.control, name, verb) });
    },
  };
}

const RESUME: Command = {
  takes: () => true,
  run: async ({ control, perform }, name) => {
    if (name === null) {
      if (!control.isOpen) throw new ConsoleError('57P01', 'pooler is shutting down');
      if (!control.isAllPaused) throw new ConsoleError('55000', 'pooler is not paused');
    } else {
      // The console's own database is known, and never paused.
      const isKnown = CONSOLE_DATABASES.includes(name) || databaseEntry(control.config, name) !== null;
      if (!isKnown) throw new ConsoleError('3D000', `no such database: ${name}`);
      if (!control.isPausedItself(name)) throw new ConsoleError('55000', `database ${name} is not paused`);
    }
    await perform({ verb: 'resume', database: name });
  },
};

const RELOAD: Command = {
  takes: () => false,
  run: async ({ perform }) => {
    const result = await perform({ verb: 'reload' });
    if (result.kind !== 'problems') return;
    throw new ConsoleError('F0000', `RELOAD failed, nothing was changed: ${formatProblems(result.problems)}`);
  },
};

const KILL_CLIENT: Command = {
  takes: () => true,
  run: async ({ perform }, argument) => {
    // SHOW CLIENTS gives the number as id, and with a letter as ptr.
    const digits = argument?.replace(/^c/, '') ?? '';
    if (!/^\d+$/.test(digits)) throw new ConsoleError('42601', 'invalid client pointer supplied');
    const outcome = await perform({ verb: 'kill_client', id: Number(digits) });
    if (outcome.kind === 'gone') throw new ConsoleError('42704', 'client not found');
  },
};

const SHUTDOWN_MODES = ['wait_for_clients', 'drain', 'wait_for_servers'] as const;

const SHUTDOWN: Command = {
  takes: (argument) => SHUTDOWN_MODES.some((mode) => mode === argument.toLowerCase()),
  run: async ({ perform }, argument) => {
    const mode = SHUTDOWN_MODES.find((known) => known === argument?.toLowerCase());
    if (mode === undefined)
      setImmediate(() => void perform({ verb: 'shutdown', mode: 'immediate' })); // behind the answer
    else await perform({ verb: 'shutdown', mode });
  },
};

/** By verb, upper case; the tag of the reply is the verb. */
export const COMMANDS: ReadonlyMap<string, Command> = new Map([
  ['DISABLE', forOne('disable')],
  ['ENABLE', forOne('enable')],
  ['KILL', forSome('kill', 'kill')],
  ['KILL_CLIENT', KILL_CLIENT],
  ['PAUSE', forSome('pause', 'pause')],
  ['RECONNECT', forSome('reconnect', 'reconnect')],
  ['RELOAD', RELOAD],
  ['RESUME', RESUME],
  ['SHUTDOWN', SHUTDOWN],
  ['WAIT_CLOSE', forSome('wait in', 'wait_close')],
]);
