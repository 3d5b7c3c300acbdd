// What must hold of every list, link and count of a pooler at any moment that its code is not running.
import type { App } from '../../src/app.ts';
import type { Client } from '../../src/client/client.ts';
import type { Pool } from '../../src/pool/pool.ts';
import type { PoolClient } from '../../src/pool/pool-client.ts';

class Violation extends Error {}

function must(holds: boolean, what: string): void {
  if (!holds) throw new Violation(`invariant broken: ${what}`);
}

/** Throws an error that says which one is broken. */
export function expectInvariants(app: App): void {
  must(app.observer.bugs === 0, 'no internal error was raised');
  for (const pool of app.pools) expectPool(pool);
  expectCounts(app);
  expectClients(app);
}

function expectPool(pool: Pool): void {
  const name = `${pool.database}/${pool.user}`;
  for (const [state, list] of Object.entries(pool.servers)) {
    let length = 0;
    for (const server of list) {
      length += 1;
      const who = `${name} server ${server.id}`;
      must(server.state === state, `${who} is in list ${state} and in state ${server.state}`);
      must(server.list === list, `${who} knows its list`);
      const { holder } = server;
      if (state === 'active') must(holder !== null, `${who} is active and held`);
      else must(holder === null, `${who} is ${state} and not held`);
      if (holder !== null) must((holder as unknown as Client).server === server, `${who} is linked both ways`);
      if (state === 'idle')
        must(server.isReusable, `${who} is idle and clean: nothing unread, nothing owed, tx status I`);
    }
    must(length === list.length, `${name}: the length of ${state} is its count`);
  }
  const { listener } = pool;
  must(listener.clientCount <= pool.clientCount, `${name}: who listens is a client of the pool`);
  must(listener.clientCount > 0 || !listener.needsRoom, `${name}: no room is made for nobody`);
  const isIdleForWaiters = pool.state === 'running' && pool.servers.idle.length > 0;
  const ordinary = [...pool.clients.waiting].filter((client) => client.dedicated === null);
  expectShares(pool, name, ordinary);
  must(!isIdleForWaiters || ordinary.length === 0, `${name}: nobody waits beside an idle server`);
}

/** The queues of the applications are the list of those that wait, and their accounts the list of those that hold. */
function expectShares(pool: Pool, name: string, ordinary: readonly PoolClient[]): void {
  const { shares } = pool.queue;
  must(pool.clients.waiting === pool.queue, `${name}: the queue is the list of those that wait`);
  const queued = new Set<PoolClient>();
  let held = 0;
  let waitingShares = 0;
  for (const share of shares) {
    const who = `${name} share "${share.name}"`;
    held += share.held;
    must(share.held >= 0, `${who} holds no less than nothing`);
    const clients = [...share.waiting].map((ticket) => ticket.client);
    must(clients.length === share.waiting.length, `${who}: the length of its queue is its count`);
    must((share.list === shares.waiting) === clients.length > 0, `${who} is listed exactly when somebody waits in it`);
    if (clients.length > 0) waitingShares += 1;
    for (const client of clients) queued.add(client);
    const inOrder = ordinary.filter((client) => client.ticket.share === share && client.ticket.list !== null);
    must(
      clients.every((client, at) => client === inOrder[at]),
      `${who} waits in order of arrival`,
    );
  }
  must(waitingShares === shares.waiting.length, `${name}: no other share is listed`);
  must(queued.size === ordinary.length, `${name}: ${ordinary.length} clients wait, ${queued.size} in shares`);
  must(
    ordinary.every((client) => queued.has(client)),
    `${name}: who waits has its ticket in a share`,
  );
  must(held === pool.servers.active.length, `${name}: ${pool.servers.active.length} servers held, ${held} in shares`);
  for (const server of pool.allServers())
    must((server.hold.account !== null) === (server.state === 'active'), `${name} server ${server.id} has one account`);
}

/** What limits over several pools are held against is the sum of the lists. */
function expectCounts({ pools }: App): void {
  const sum = (isMeant: (pool: Pool) => boolean, of: (pool: Pool) => number) =>
    [...pools].filter(isMeant).reduce((all, pool) => all + of(pool), 0);
  const logins = sum(
    () => true,
    ({ servers }) => servers.login.length,
  );
  must(pools.logins === logins, `logins to Postgres: ${pools.logins} counted, ${logins} in lists`);
  for (const { database, user } of pools) {
    const ofDatabase = sum(
      (pool) => pool.database === database,
      ({ connectionCount }) => connectionCount,
    );
    const ofUser = sum(
      (pool) => pool.user === user,
      ({ connectionCount }) => connectionCount,
    );
    must(pools.serversOfDatabase(database) === ofDatabase, `${database}: its servers are counted`);
    must(pools.serversOfUser(user) === ofUser, `${user}: the servers are counted`);
  }
}

function expectClients(app: App): void {
  let pooled = 0;
  for (const client of app.clients) {
    must(client.state !== 'closed', `client ${client.id} is registered and open`);
    must(client.list !== null, `client ${client.id} is in a list`);
    if (client.server !== null) must(client.server.holder === client, `client ${client.id} is linked both ways`);
    if (client.state === 'waiting') must(client.server === null, `client ${client.id} waits and holds nothing`);
    if (client.pool !== null && client.startup !== null) pooled += 1;
  }
  let listed = 0;
  for (const pool of app.pools) listed += pool.clientCount;
  must(pooled === listed, `clients of pools: ${pooled} registered, ${listed} in lists`);
}
