// Who is next: applications share a pool by the servers that they hold, and each queue is in order of arrival.
import { describe, expect, it } from 'vitest';
import type { PoolClient } from '../../../src/pool/pool-client.ts';
import { Queue } from '../../../src/pool/queue.ts';
import { MAX_SHARES, type Share, Ticket } from '../../../src/pool/shares.ts';
import { ParameterSet } from '../../../src/session/parameters.ts';

interface Fake extends PoolClient {
  parameters: ParameterSet;
  accountName: string;
}

/** A pool of so many servers, a clock, and clients that wait. */
class Scene {
  readonly queue = new Queue();
  readonly held: { share: Share<PoolClient>; since: number; name: string }[] = [];
  now = 0;

  client(name: string, looks: Partial<PoolClient> = {}): Fake {
    this.now += 1;
    const parameters = ParameterSet.of([['application_name', name]]);
    const base = { prev: null, next: null, list: null, dedicated: null, waitingSince: this.now, parameters };
    const client = { ...base, accountName: name, ...looks } as unknown as Fake;
    Object.assign(client, { ticket: new Ticket(client) });
    return client;
  }

  wait(name: string, count = 1): Fake[] {
    const clients = Array.from({ length: count }, () => this.client(name));
    for (const client of clients) this.queue.append(client);
    return clients;
  }

  /** A server is free: whose client gets it. */
  serve(): string | null {
    const client = this.queue.shares.next();
    if (client === null) return null;
    this.queue.remove(client);
    this.take(client);
    return client.accountName;
  }

  take(client: PoolClient): void {
    this.held.push({ share: this.queue.shares.take(client.ticket), since: this.now, name: client.accountName });
  }

  /** The server that was taken first comes back. */
  giveBack(index = 0): string {
    const [link] = this.held.splice(index, 1);
    link!.share.gaveBack(this.now - link!.since);
    return link!.name;
  }

  /** Every client of these comes back as soon as it was served, each transaction takes a moment: servers held on average. */
  run(servers: number, clients: Record<string, number>, rounds = 2_000): Record<string, number> {
    for (const [name, count] of Object.entries(clients)) this.wait(name, count);
    const had: Record<string, number> = {};
    for (let i = 0; i < servers; i += 1) this.serve();
    for (let round = 0; round < rounds; round += 1) {
      this.now += 1;
      for (const { name } of this.held) had[name] = (had[name] ?? 0) + 1;
      const name = this.giveBack();
      this.serve();
      this.wait(name);
    }
    return Object.fromEntries(Object.entries(had).map(([name, sum]) => [name, sum / rounds]));
  }
}

describe('the queue', () => {
  it('serves one application in order of arrival', () => {
    const scene = new Scene();
    const clients = scene.wait('web', 3);
    expect(scene.queue.shares.next()).toBe(clients[0]);
    scene.queue.remove(clients[0]!);
    scene.queue.remove(clients[1]!);
    expect(scene.queue.shares.next()).toBe(clients[2]);
    scene.queue.remove(clients[2]!);
    expect(scene.queue.shares.next()).toBeNull();
    expect(scene.queue.hasNext).toBe(false);
  });

  it('has those who wait for a server of their own in its list and nowhere else', () => {
    const scene = new Scene();
    scene.queue.append(scene.client('replica', { dedicated: new Map() }));
    expect(scene.queue.length).toBe(1);
    expect(scene.queue.hasNext).toBe(false);
  });

  it('gives what becomes free to who holds least, and takes nothing away', () => {
    const scene = new Scene();
    scene.wait('noisy', 40);
    for (let i = 0; i < 8; i += 1) expect(scene.serve()).toBe('noisy');
    scene.wait('a', 8);
    scene.wait('b', 8);
    const next = Array.from({ length: 5 }, () => {
      scene.giveBack();
      return scene.serve();
    });
    expect(next).toEqual(['a', 'b', 'a', 'b', 'a']);
  });

  it('finds the application anew when its name has changed', () => {
    const scene = new Scene();
    const [client] = scene.wait('one');
    scene.serve();
    client!.parameters = ParameterSet.of([['application_name', 'two']]);
    client!.accountName = 'two';
    scene.queue.append(client!);
    expect([...scene.queue.shares].map(({ name, held, waiting }) => [name, held, waiting.length])).toEqual([
      ['one', 1, 0],
      ['two', 0, 1],
    ]);
  });

  it('knows which application has most of it, by weight', () => {
    const scene = new Scene();
    scene.queue.shares.weigh(['web=3']);
    scene.wait('web', 5);
    scene.wait('batch', 2);
    expect(scene.queue.longestShare()?.name).toBe('batch');
  });
});

describe('shares', () => {
  it('are equal, however many clients ask: 8 servers, 40 against 4, 4 and 4', () => {
    const had = new Scene().run(8, { noisy: 40, a: 4, b: 4, c: 4 });
    for (const name of ['noisy', 'a', 'b', 'c']) expect(had[name]).toBeCloseTo(2, 1);
  });

  it('what one does not use is divided among the others', () => {
    const had = new Scene().run(8, { noisy: 40, other: 40, small: 1 });
    expect(had.small).toBeGreaterThan(0.8);
    expect(had.noisy! / had.other!).toBeCloseTo(1, 1);
  });

  it.each([8, 6, 4, 3, 2, 1])('are 3 to 1 with weights 3 and 1 in a pool of %i', (servers) => {
    const scene = new Scene();
    scene.queue.shares.weigh(['web=3', 'batch=1']);
    const had = scene.run(servers, { web: 40, batch: 40 });
    expect(had.web! / had.batch!).toBeGreaterThan(2.7);
    expect(had.web! / had.batch!).toBeLessThan(3.3);
  });

  it.each([1, 2, 3])('are equal in a pool of %i, which has not a server for each of four', (servers) => {
    const had = new Scene().run(servers, { noisy: 40, a: 2, b: 2, c: 2 });
    for (const name of ['noisy', 'a', 'b', 'c']) expect(had[name]! / (servers / 4)).toBeCloseTo(1, 0.5);
  });

  it('nobody saves up: who was away for long comes back as anybody else', () => {
    const scene = new Scene();
    scene.run(1, { late: 1 }, 1);
    scene.serve();
    while (scene.held.length > 0) scene.giveBack();
    const scened = scene.run(1, { noisy: 10 }, 1_000);
    expect(scened.noisy).toBeGreaterThan(0.9);
    scene.wait('late', 10);
    const served = Array.from({ length: 60 }, () => {
      scene.now += 1;
      scene.wait('late');
      scene.wait('noisy');
      scene.giveBack();
      return scene.serve();
    });
    expect(served.filter((name) => name === 'late').length).toBeLessThan(40);
  });

  it('follow application_weights at once', () => {
    const scene = new Scene();
    scene.wait('web', 2);
    scene.wait('batch', 1);
    expect([scene.serve(), scene.serve()]).toEqual(['web', 'batch']);
    scene.wait('batch', 1);
    scene.giveBack(1);
    scene.queue.shares.weigh(['web=1', 'batch=100']);
    expect(scene.serve()).toBe('batch');
    scene.queue.shares.weigh([]);
    scene.wait('batch', 1);
    expect([...scene.queue.shares].map(({ weight }) => weight)).toEqual([1, 1]);
  });

  it('are so many at most, the rest has one together, until others are not used any more', () => {
    const scene = new Scene();
    for (let i = 0; i < MAX_SHARES + 50; i += 1) scene.wait(`app ${i}`);
    expect([...scene.queue.shares].map(({ name }) => name)).toHaveLength(MAX_SHARES + 1);
    expect([...scene.queue.shares].find(({ name }) => name === 'other')?.waiting.length).toBe(50);
    while (scene.serve() !== null) scene.giveBack();
    for (let i = 0; i < MAX_SHARES + 1; i += 1) scene.wait('new');
    const names = [...scene.queue.shares].map(({ name }) => name);
    expect(names).toContain('new');
    expect(names.length).toBeLessThan(10);
  });

  it('a forgotten share is found anew by the clients that knew it', () => {
    const scene = new Scene();
    const [client] = scene.wait('old');
    scene.serve();
    scene.giveBack();
    for (let i = 0; i < MAX_SHARES; i += 1) scene.wait(`app ${i}`);
    scene.queue.append(client!);
    expect(client!.ticket.share?.isForgotten).toBe(false);
    expect([...scene.queue.shares].filter(({ waiting }) => waiting.has(client!.ticket))).toHaveLength(1);
  });

  it('have names without anything that does something to a terminal', () => {
    const scene = new Scene();
    scene.wait(`\x1b[2J\n${'x'.repeat(100)}`);
    expect([...scene.queue.shares][0]?.name).toMatch(/^\[2J x{58,60}$/);
  });
});
