// From a client's statement to its answer, through client, session, pool and server: the link is made, and ends.
import type { Client } from '../../src/client/client.ts';
import type { Server } from '../../src/server/server.ts';
import { House } from '../../test/support/house.ts';
import { backend } from '../../test/support/wire-backend.ts';
import * as build from '../../test/support/wire-messages.ts';
import { type Case, type Group, repeated } from './case.ts';

const QUERY = build.query('SELECT abalance FROM pgbench_accounts WHERE aid = 12345');
const ROW = [backend.dataRow(['12345']), backend.commandComplete('SELECT 1'), backend.readyForQuery()];
const ANSWER = Buffer.concat([backend.rowDescription(['abalance']), ...ROW]);
const BATCH = Buffer.concat([build.parse({ sql: 'SELECT $1' }), build.bind(), build.execute(), build.sync()]);
const BATCH_ANSWER = Buffer.concat([backend.parseComplete(), backend.bindComplete(), ...ROW]);
const NAMED = Buffer.concat([build.bind({ statement: 'one' }), build.execute(), build.sync()]);
const NAMED_ANSWER = Buffer.concat([backend.bindComplete(), ...ROW]);
const PREPARE = Buffer.concat([build.parse({ name: 'one', sql: 'SELECT $1' }), build.sync()]);
const PREPARED = Buffer.concat([backend.parseComplete(), backend.readyForQuery()]);

const SET = Buffer.concat([backend.commandComplete('SET'), backend.readyForQuery()]);

function serve(client: Client, server: Server, asked: Buffer, answer: Buffer): void {
  client.onData(asked);
  server.onData(answer);
  if (client.server !== null) throw new Error('the link has not ended');
}

export const links: Group = {
  name: 'a transaction through client, pool and server',
  open: async () => {
    const house = await House.open({ default_pool_size: 1 });
    const [a, b] = [await house.connect(), await house.connect()];
    const stranger = await house.connect();
    stranger.parameters = stranger.parameters.with('search_path', 'tenant');
    await house.silence();
    const server = house.pool().servers.idle.head!;
    serve(a, server, PREPARE, PREPARED);
    const cases = [
      repeated('simple, the same client', 100, () => serve(a, server, QUERY, ANSWER)),
      repeated('extended, unnamed statement', 100, () => serve(a, server, BATCH, BATCH_ANSWER)),
      repeated('prepared statement', 100, () => serve(a, server, NAMED, NAMED_ANSWER)),
      repeated('simple, two clients by turns', 100, (i) => serve(i % 2 === 0 ? a : b, server, QUERY, ANSWER)),
      waiting([a, b], server),
      repeated('simple, in another session than the one before it', 100, (i) => {
        const client = i % 2 === 0 ? stranger : a;
        client.onData(QUERY);
        server.onData(SET);
        server.onData(ANSWER);
        if (client.server !== null) throw new Error('the link has not ended');
      }),
    ];
    return { cases, stop: () => house.stop() };
  },
};

/** The pool has one server: whoever asks waits until the one before it is served. */
function waiting([a, b]: readonly [Client, Client], server: Server): Case {
  const run = () => {
    a.onData(QUERY);
    for (let i = 0; i < 100; i += 1) {
      const next = i % 2 === 0 ? b : a;
      next.onData(QUERY);
      server.onData(ANSWER);
      if (next.server !== server) throw new Error('it was not handed on');
    }
    server.onData(ANSWER);
  };
  return { name: 'simple, each waits for the one before it', per: 101, run };
}
