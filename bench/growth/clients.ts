// The clients, in a process of their own, so that what they cost is not the pooler's.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import * as build from '../../test/support/wire-messages.ts';
import { serve } from './remote.ts';

/** Where they connect to, and as whom. */
export interface Door {
  readonly port: number;
  readonly httpPort: number;
  readonly user: string;
}

/** Until the answer was there. */
export interface Took {
  readonly ms: number;
  readonly bytes: number;
}

const AT_A_TIME = 50;
const APPLICATIONS = 100;
const READY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);
const QUESTION = build.query('SELECT 1');

const databaseName = (number: number) => `d${number}`;
const isEnd = (chunk: Buffer) => chunk.subarray(-READY.length).equals(READY);

/** Bytes up to a ReadyForQuery outside a transaction. */
async function answered(socket: Socket): Promise<number> {
  let bytes = 0;
  for (;;) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    bytes += chunk.length;
    if (isEnd(chunk)) return bytes;
  }
}

async function login({ port, user }: Door, database: string, application: string): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  socket.write(build.startup({ user, database, application_name: application }));
  await answered(socket);
  return socket;
}

/** Asks as soon as it is answered, until it is told to stop. No promise for each answer: what asks must not be what is measured. */
class Asker {
  readonly #socket: Socket;
  count = 0;
  #onStopped: (() => void) | null = null;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  start(): void {
    this.count = 0;
    this.#onStopped = null;
    this.#socket.on('data', this.#onData);
    this.#socket.write(QUESTION);
  }

  stop(): Promise<void> {
    return new Promise((done) => {
      this.#onStopped = done;
    });
  }

  readonly #onData = (chunk: Buffer): void => {
    if (!isEnd(chunk)) return;
    this.count += 1;
    if (this.#onStopped === null) this.#socket.write(QUESTION);
    else {
      this.#socket.removeListener('data', this.#onData);
      this.#onStopped();
    }
  };
}

function crowd(door: Door) {
  const idle: Socket[] = [];
  const busy: Asker[] = [];
  let console: Socket | null = null;
  return {
    /** So many idle clients more, spread evenly over so many databases. */
    async connect({ count, databases }: { readonly count: number; readonly databases: number }): Promise<void> {
      for (const until = idle.length + count; idle.length < until; ) {
        const first = idle.length;
        const next = Array.from({ length: Math.min(AT_A_TIME, until - first) }, (_, i) =>
          login(door, databaseName((first + i) % databases), `application ${(first + i) % APPLICATIONS}`),
        );
        idle.push(...(await Promise.all(next)));
      }
    },

    /** So many busy clients ask for so long. */
    async ask(task: { readonly count: number; readonly databases: number; readonly seconds: number }) {
      while (busy.length < task.count)
        busy.push(new Asker(await login(door, databaseName(busy.length % task.databases), 'busy')));
      const begun = performance.now();
      for (const one of busy) one.start();
      await delay(task.seconds * 1_000);
      const transactions = busy.reduce((sum, { count }) => sum + count, 0);
      const seconds = (performance.now() - begun) / 1_000;
      await Promise.all(busy.map((one) => one.stop()));
      return { transactions, seconds };
    },

    async get({ path }: { readonly path: string }): Promise<Took> {
      const begun = performance.now();
      const response = await fetch(`http://127.0.0.1:${door.httpPort}${path}`);
      const { byteLength: bytes } = await response.arrayBuffer();
      return { ms: performance.now() - begun, bytes };
    },

    /** Of the console. */
    async command({ sql }: { readonly sql: string }): Promise<Took> {
      console ??= await login(door, 'pgsluice', 'console');
      const begun = performance.now();
      console.write(build.query(sql));
      const bytes = await answered(console);
      return { ms: performance.now() - begun, bytes };
    },
  };
}
export type Crowd = ReturnType<typeof crowd>;

await serve(async (door: Door) => ({ tasks: crowd(door), stop: async () => {} }));
