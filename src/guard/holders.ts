// Who holds the servers of a pool, since when, and with what: the record that errors, the log, the console and HTTP show.

import type { Client } from '../client/client.ts';
import type { Pool } from '../pool/pool.ts';
import type { Server } from '../server/server.ts';
import { kindNames } from '../session/policy.ts';
import { type HolderState, holderState, isUnused, silentSince } from './gaps.ts';
import { ProcessIds } from './process-id.ts';
import { statementText } from './statement-text.ts';
import { type StatementTags, statementTags } from './tags.ts';

export interface HolderRecord {
  readonly database: string;
  readonly user: string;
  /** '' where the client gave none. */
  readonly applicationName: string;
  readonly address: string;
  readonly port: number;
  /** The client's process; null where it is not looked for, or not to be seen from here. */
  readonly processId: number | null;
  readonly clientId: number;
  readonly serverId: number;
  readonly backendPid: number;
  readonly state: HolderState;
  /** How long it has held the server, and how long it and the server have been silent. */
  readonly heldMs: number;
  readonly silentMs: number;
  /** Batches and bytes, both ways, since it holds it. */
  readonly statements: number;
  readonly bytes: number;
  /** Why it keeps the server beyond a transaction. */
  readonly pins: readonly string[];
  /** Its last statement, as leak_statement_text wants it. */
  readonly statement: string;
  readonly tags: StatementTags;
}

/** The holder as the client that it is: a server knows less of it. */
export function clientOf(server: Server): Client | null {
  return server.holder as Client | null;
}

/** What Linux knows changes for nobody in particular: one cache for the process. */
const processIds = new ProcessIds();

/** withProcess: also look for the client's process, which may take some milliseconds once a second. */
export function holderRecord(
  pool: Pool,
  server: Server,
  client: Client,
  now: number,
  withProcess: boolean,
): HolderRecord {
  const { bytes, totalLength } = server.hold.last.read();
  const { remoteAddress: address, remotePort: port, localAddress, localPort } = client.stream;
  const own = { host: localAddress, port: localPort };
  return {
    database: pool.database,
    user: pool.user,
    applicationName: client.applicationName,
    address,
    port,
    processId: withProcess ? processIds.of({ host: address, port }, own) : null,
    clientId: client.id,
    serverId: server.id,
    backendPid: server.backendPid,
    state: holderState(server, client),
    heldMs: now - server.hold.since,
    silentMs: now - silentSince(server, client),
    statements: server.hold.statements,
    bytes: server.hold.bytes,
    pins: kindNames(server.pins),
    statement: statementText(bytes, totalLength, pool.settings.leak_statement_text),
    tags: pool.settings.leak_statement_text === 'off' ? {} : statementTags(bytes),
  };
}

/** All of a pool; those first that hold a server and do not use it, the longest silence before the others. */
export function holderRecords(pool: Pool, now: number, withProcess: boolean): HolderRecord[] {
  const records: HolderRecord[] = [];
  for (const server of pool.servers.active) {
    const client = clientOf(server);
    if (client !== null) records.push(holderRecord(pool, server, client, now, withProcess));
  }
  return records.sort(worstFirst);
}

function worstFirst(a: HolderRecord, b: HolderRecord): number {
  const unusedA = isUnused(a.state);
  if (unusedA !== isUnused(b.state)) return unusedA ? -1 : 1;
  return unusedA ? b.silentMs - a.silentMs : b.heldMs - a.heldMs;
}
