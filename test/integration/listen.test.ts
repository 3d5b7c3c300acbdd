// listen: shared. Clients hear what they would hear from Postgres, in the same order and at the same moments.
import { beforeAll, describe, expect, test } from 'vitest';
import { TxStatus } from '../../src/protocol/message-types.ts';
import type { Server } from '../../src/server/server.ts';
import { Suspect } from '../../src/session/suspect.ts';
import { type TestPooler, usePooler } from '../support/pooler.ts';
import { useDatabase } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import { connectAndLogin } from '../support/wire.ts';
import { playListen, SCRIPTS, SETUP } from './listen-scripts.ts';

const db = useDatabase();
beforeAll(async () => {
  await db.current.query(SETUP);
});

/** Everybody that can has handed its channels to the shared connection. */
async function handedOver(pooler: TestPooler): Promise<void> {
  const isDone = (server: Server) =>
    server.txStatus !== TxStatus.Idle ||
    (server.pins & ~Suspect.Listen) !== Suspect.None ||
    server.reported.get('client_encoding') !== 'UTF8';
  await waitUntil(() => [...pooler.pool().servers.active].every(isDone));
}

describe.each([
  ['shared', { listen: 'shared', default_pool_size: 2 }],
  ['shared, by and by', { listen: 'shared', default_pool_size: 1 }],
  ['pin', { listen: 'pin', default_pool_size: 2 }],
  ['session mode', { pool_mode: 'session', default_pool_size: 2 }],
])('%s', (name, settings) => {
  const pooler = usePooler(db, settings);

  test.each(SCRIPTS.map((script) => [script.name, script] as const))('%s: as from Postgres', async (_name, script) => {
    const { port, user, password, database } = db.current;
    const straight = () => connectAndLogin(port, { user, password, database });
    const [listens, other] = [await straight(), await straight()];
    const expected = await playListen(script, listens, other);
    const through = await pooler.current.connect();
    const between = name.endsWith('by and by') ? () => handedOver(pooler.current) : undefined;
    const seen = await playListen(script, through, other, between);
    expect(seen).toEqual(expected);
    for (const client of [listens, other, through]) await client.end();
  });
});
