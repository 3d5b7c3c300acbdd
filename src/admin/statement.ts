// One statement of the console, understood: whether it may be run, the columns of its answer, and how it is run.

import type { ConsoleRole } from '../client/gatekeeper.ts';
import type { Control } from '../control.ts';
import type { EventRing } from '../observe/event-ring.ts';
import type { Sources } from '../observe/snapshot.ts';
import type { Questions, Team } from '../observe/team.ts';
import type { Verbs } from '../orders.ts';
import type { Column } from '../protocol/writer.ts';
import { inTurns } from '../util/turns.ts';
import type { Answer } from './answer.ts';
import { parseCommand, type WordCommand } from './command.ts';
import { COMMANDS } from './commands.ts';
import { ConsoleError } from './console-error.ts';
import { setVariable } from './set.ts';
import { SHOWS } from './show.ts';
import type { ShowContext } from './show-context.ts';
import { HELP } from './show-help.ts';

/** What the console looks at and acts on. */
export interface House {
  readonly control: Control;
  readonly verbs: Verbs;
  readonly version: string;
  readonly events: EventRing;
  /** null: the pooler is this process alone. */
  readonly team: Team | null;
  snapshot(): Sources;
}

export interface Statement {
  /** null: it returns no rows. */
  readonly columns: readonly Column[] | null;
  /** Rejects with a ConsoleError. */
  run(): Answer | Promise<Answer>;
}

const NOTHING: readonly never[] = [];

/** Throws a ConsoleError when it is no command. PgBouncer: the same words for each mistake. */
export function understand(sql: string, role: ConsoleRole, house: House): Statement {
  const command = parseCommand(sql);
  if (command === null) throw invalid(sql);
  if (command.kind === 'set') return { columns: null, run: () => setVariable(house.verbs, role, command) };
  return command.verb === 'SHOW' || command.verb === 'SELECT'
    ? show(sql, command, house)
    : act(sql, command, role, house);
}

function show(sql: string, { argument, limit }: WordCommand, house: House): Statement {
  const name = argument?.toLowerCase() ?? '';
  if (limit !== null && name !== 'events') throw invalid(sql);
  // PgBouncer: the tag is SHOW, without a count, whichever of the two words was used.
  if (name === 'help') return { columns: null, run: () => ({ notices: [HELP], rows: NOTHING, tag: 'SHOW' }) };
  const found = SHOWS.get(name);
  if (found === undefined) throw invalid(sql);
  const { team } = house;
  if (team === null)
    return {
      columns: found.columns,
      run: async () => ({ notices: NOTHING, rows: await inTurns(found.rows(contextOf(house, limit))), tag: 'SHOW' }),
    };
  return {
    columns: found.teamColumns,
    run: async () => {
      const answers = await team.ask('show', { name, limit });
      return { notices: NOTHING, rows: found.merged(answers, limit), tag: 'SHOW' };
    },
  };
}

/** What this worker says to a SHOW that one of the team was asked for. */
export function toldShow({ name, limit }: Questions['show']['argument'], house: House): Questions['show']['answer'] {
  return SHOWS.get(name)?.told(contextOf(house, limit)) ?? [];
}

function contextOf(house: House, limit: number | null): ShowContext {
  const { control, version, events } = house;
  return { control, version, events, limit, snapshot: house.snapshot() };
}

function act(sql: string, { verb, argument, limit }: WordCommand, role: ConsoleRole, { verbs }: House): Statement {
  const command = COMMANDS.get(verb);
  const takesIt = command !== undefined && limit === null && (argument === null || command.takes(argument));
  if (!takesIt) throw invalid(sql);
  return {
    columns: null,
    run: async () => {
      if (role !== 'admin') throw new ConsoleError('42501', 'admin access needed');
      await command.run(verbs, argument);
      return { notices: NOTHING, rows: NOTHING, tag: verb };
    },
  };
}

/** PgBouncer: the whole query is told, up to the size of its buffer. */
function invalid(sql: string): ConsoleError {
  return new ConsoleError('42601', `invalid command '${sql.slice(0, 900)}', use SHOW HELP;`);
}
