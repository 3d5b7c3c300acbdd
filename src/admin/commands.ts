// The commands of the console that do something: each is one call to control.

import { databaseEntry } from '../config/config.ts';
import { formatProblems } from '../config/problems.ts';
import type { Control } from '../control.ts';
import { ConsoleError } from './console-error.ts';

/** Throws a ConsoleError; the command is answered when the promise is fulfilled. */
type Command = (control: Control, argument: string | null) => void | Promise<void>;

/** The database that a command names, or null for all. */
function optionalDatabase(control: Control, argument: string | null): string | null {
  return argument === null ? null : knownDatabase(control, argument);
}

function knownDatabase(control: Control, argument: string | null): string {
  if (argument === null) throw new ConsoleError('42601', 'bad arguments', 'Name a database.');
  if (databaseEntry(control.config, argument) === null)
    throw new ConsoleError('3D000', `no such database: ${argument}`);
  return argument;
}

function reload(control: Control): void {
  const result = control.reload();
  if (result.ok) return;
  throw new ConsoleError('F0000', `RELOAD failed, nothing was changed: ${formatProblems(result.problems)}`);
}

function killClient(control: Control, argument: string | null): void {
  // SHOW CLIENTS gives the number as id, and with a letter as ptr.
  const id = Number(argument?.replace(/^c/, ''));
  if (argument === null || !Number.isInteger(id))
    throw new ConsoleError('42601', 'bad arguments', 'KILL_CLIENT takes the id of SHOW CLIENTS.');
  if (!control.killClient(id)) throw new ConsoleError('42704', `client not found: ${argument}`);
}

function shutdown(control: Control, argument: string | null): void {
  switch (argument) {
    case null:
      setImmediate(() => control.shutdown('immediate')); // behind the answer
      return;
    case 'wait_for_clients':
    case 'wait_for_servers':
      control.shutdown(argument);
      return;
    default:
      throw new ConsoleError('42601', 'bad arguments', 'SHUTDOWN takes WAIT_FOR_CLIENTS, WAIT_FOR_SERVERS or nothing.');
  }
}

/** By verb, upper case; the tag of the reply is the verb. */
export const COMMANDS: ReadonlyMap<string, Command> = new Map<string, Command>([
  ['DISABLE', (control, argument) => control.disable(knownDatabase(control, argument))],
  ['ENABLE', (control, argument) => control.enable(knownDatabase(control, argument))],
  ['KILL', (control, argument) => control.kill(optionalDatabase(control, argument))],
  ['KILL_CLIENT', killClient],
  ['PAUSE', (control, argument) => control.pause(optionalDatabase(control, argument))],
  ['RECONNECT', (control, argument) => control.reconnect(optionalDatabase(control, argument))],
  ['RELOAD', reload],
  ['RESUME', (control, argument) => control.resume(optionalDatabase(control, argument))],
  ['SHUTDOWN', shutdown],
]);
