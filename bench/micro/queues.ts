// The clients that wait: entering, leaving, being the next one, and the timer's look at who has waited for too long.
import type { PoolClient } from '../../src/pool/pool-client.ts';
import { Queue } from '../../src/pool/queue.ts';
import { type Share, Ticket } from '../../src/pool/shares.ts';
import { ParameterSet } from '../../src/session/parameters.ts';
import { House } from '../../test/support/house.ts';
import * as build from '../../test/support/wire-messages.ts';
import { type Case, type Group, repeated } from './case.ts';

const COUNTS = [1, 100, 10_000];
const QUERY = build.query('SELECT 1');

/** As much of a client as a queue looks at. */
function client(name: string, waitingSince: number): PoolClient {
  const parameters = ParameterSet.of([['application_name', name]]);
  const base = { prev: null, next: null, list: null, dedicated: null, waitingSince, parameters, accountName: name };
  const made = base as unknown as PoolClient;
  return Object.assign(made, { ticket: new Ticket<PoolClient>(made) });
}

function cases(waiting: number, applications: number): Case[] {
  const queue = new Queue();
  for (let i = 0; i < waiting; i += 1) queue.append(client(`application ${i % applications}`, i));
  const late = client('application 0', waiting);
  const served: { client: PoolClient; share: Share<PoolClient> }[] = [];
  const many = waiting === 1 ? '1 waits' : `${waiting.toLocaleString('en')} wait`;
  const where = `${many}, of ${applications} application${applications > 1 ? 's' : ''}`;
  return [
    repeated(`enter and leave (${where})`, 100, () => {
      queue.append(late);
      queue.remove(late);
    }),
    repeated(`the next one gets a server, and waits again (${where})`, 100, () => {
      const next = queue.shares.next()!;
      queue.remove(next);
      served.push({ client: next, share: queue.shares.take(next.ticket) });
      const back = served.pop()!;
      back.share.gaveBack(1);
      queue.append(back.client);
    }),
  ];
}

/** The whole round of the timer: nobody is due. */
async function tick(waiting: number): Promise<{ readonly case: Case; stop(): Promise<void> }> {
  const house = await House.open({ default_pool_size: 1, query_wait_timeout: '1h', query_wait_notify: '30min' });
  const clients = [await house.connect()];
  await house.silence();
  while (clients.length <= waiting) clients.push(await house.connect());
  for (const one of clients) one.onData(QUERY);
  if (house.pool().queue.length !== waiting) throw new Error(`${house.pool().queue.length} clients wait`);
  const { janitor } = house.app;
  const name = `a round of the timer (${waiting.toLocaleString('en')} wait, nobody for too long)`;
  return { case: { name, per: 1, run: () => janitor.tick() }, stop: () => house.stop() };
}

export const queues: Group = {
  name: 'the queue',
  open: async () => {
    const ticks: Awaited<ReturnType<typeof tick>>[] = [];
    for (const count of COUNTS) ticks.push(await tick(count));
    return {
      cases: [...COUNTS.flatMap((count) => cases(count, 1)), ...cases(10_000, 100), ...ticks.map((one) => one.case)],
      stop: async () => {
        for (const one of ticks) await one.stop();
      },
    };
  },
};
