// What must hold of every list, link and count of a pooler at any moment that its code is not running.
import type { App } from '../../src/app.ts';
import type { Client } from '../../src/client/client.ts';
import type { Pool } from '../../src/pool/pool.ts';

class Violation extends Error {}

function must(holds: boolean, what: string): void {
  if (!holds) throw new Violation(`invariant broken: ${what}`);
}

/** Throws an error that says which one is broken. */
export function expectInvariants(app: App): void {
  must(app.observer.bugs === 0, 'no internal error was raised');
  for (const pool of app.pools) expectPool(pool);
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
  const isIdleForWaiters = pool.state === 'running' && pool.servers.idle.length > 0;
  const ordinary = [...pool.clients.waiting].filter((client) => client.dedicated === null);
  must(!isIdleForWaiters || ordinary.length === 0, `${name}: nobody waits beside an idle server`);
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
