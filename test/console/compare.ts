// Says the same to the console of pgsluice and to that of a PgBouncer, and tells where their answers differ.
import type { Target } from '../support/command.ts';
import { connectAndLogin, textValues, type WireClient } from '../support/wire.ts';
import type { BackendMessage } from '../support/wire-backend.ts';
import { type Case, casesFor } from './cases.ts';

export interface Difference {
  readonly command: string;
  readonly ours: string;
  readonly theirs: string;
  /** It is meant; null: it is not. */
  readonly why: string | null;
}

export interface Comparison {
  readonly compared: number;
  readonly differences: readonly Difference[];
}

/** Both poolers know these, the second one in stats_users. */
export interface ConsoleUsers {
  readonly admin: { readonly user: string; readonly password: string };
  readonly stats: { readonly user: string; readonly password: string };
}

type Consoles = Readonly<Record<Case['role'], WireClient>>;

const TYPE_NAMES: Readonly<Record<number, string>> = {
  17: 'bytea',
  20: 'int8',
  23: 'int4',
  25: 'text',
  1700: 'numeric',
};
const LAST_MS = 2_000;

/** ours and theirs stand in front of the same database. Both end. */
export async function compareConsoles(ours: Target, theirs: Target, users: ConsoleUsers): Promise<Comparison> {
  const consoles = [await openConsoles(ours, users), await openConsoles(theirs, users)] as const;
  const differences: Difference[] = [];
  const all = casesFor(ours.database);
  try {
    for (const one of all) {
      const [our, their] = [await answer(consoles[0], one), await answer(consoles[1], one)];
      if (our !== their) differences.push({ command: one.command, ours: our, theirs: their, why: one.differs });
    }
  } finally {
    for (const { admin, stats } of consoles) for (const client of [admin, stats]) client.destroy();
  }
  return { compared: all.length, differences };
}

async function openConsoles({ port }: Target, { admin, stats }: ConsoleUsers): Promise<Consoles> {
  const open = (who: ConsoleUsers['admin']) => connectAndLogin(port, { ...who, database: 'pgbouncer' });
  return { admin: await open(admin), stats: await open(stats) };
}

async function answer(consoles: Consoles, { command, role, rows }: Case): Promise<string> {
  try {
    const messages = await consoles[role].query(command, LAST_MS);
    return messages
      .map((message) => told(message, rows))
      .filter((text) => text !== '')
      .join(' / ');
  } catch (error) {
    return `no answer: ${(error as Error).message}`;
  }
}

/** SQLSTATE is left out: PgBouncer has 08P01, a broken connection, for all of them. */
function told(message: BackendMessage, rows: Case['rows']): string {
  switch (message.type) {
    case 'T':
      return `columns ${(message.columns ?? []).map(({ name, typeOid }) => `${name} ${TYPE_NAMES[typeOid] ?? typeOid}`).join(', ')}`;
    case 'D':
      return rows === 'none'
        ? ''
        : `row ${textValues(message)
            .slice(0, rows === 'keys' ? 1 : undefined)
            .join('|')}`;
    case 'E':
    case 'N':
      return `${message.fields?.S} ${message.fields?.M}`;
    case 'C':
      return `tag ${message.tag}`;
    default:
      return message.type;
  }
}
