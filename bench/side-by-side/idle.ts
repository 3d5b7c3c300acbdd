// What idle clients cost in memory: they log in, are served once, and stay.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import * as build from '../../test/support/wire-messages.ts';
import type { Contender, Name } from './contenders.ts';
import { memoryOf } from './cpu.ts';

export interface IdleMemory {
  readonly name: Name;
  readonly clients: number;
  /** Of one client. */
  readonly bytes: number;
}

const READY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);

async function login({ host, port, user, database }: Contender): Promise<Socket> {
  const socket = connect({ host, port });
  await once(socket, 'connect');
  socket.write(build.startup({ user, database }));
  for (;;) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    if (chunk.subarray(-6).equals(READY)) return socket;
  }
}

export async function memoryOfIdleClients(start: () => Promise<Contender[]>, counts: number[]): Promise<IdleMemory[]> {
  const found: IdleMemory[] = [];
  const contenders = (await start()).filter(({ name }) => name === 'pgsluice' || name === 'PgBouncer');
  for (const one of contenders) {
    const sockets: Socket[] = [await login(one)];
    await delay(500);
    const before = memoryOf(one.pid!);
    for (const count of counts) {
      while (sockets.length <= count)
        sockets.push(...(await Promise.all(Array.from({ length: 100 }, () => login(one)))));
      await delay(5_000);
      found.push({ name: one.name, clients: count, bytes: (memoryOf(one.pid!) - before) / sockets.length });
    }
    for (const socket of sockets) socket.destroy();
  }
  for (const one of contenders) await one.stop();
  return found;
}
