// The clients, in a process of their own, so that what they cost is not the pooler's: it is forked, told what to do, and tells what came of it.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import * as build from '../../test/support/wire-messages.ts';

/** Where they connect to, and as whom. */
export interface Door {
  readonly port: number;
  readonly httpPort: number;
  readonly user: string;
}

/** What they can be told, and what they answer. */
export interface Tasks {
  /** So many idle clients more, spread evenly over these databases. */
  connect: { readonly task: { readonly count: number; readonly databases: number }; readonly told: null };
  /** The busy ones ask, each as soon as it is answered. */
  ask: {
    readonly task: { readonly count: number; readonly databases: number; readonly seconds: number };
    readonly told: { readonly transactions: number; readonly seconds: number };
  };
  /** One GET of this path, or one command of the console. Milliseconds. */
  get: { readonly task: { readonly path: string }; readonly told: { readonly ms: number; readonly bytes: number } };
  command: { readonly task: { readonly sql: string }; readonly told: { readonly ms: number; readonly bytes: number } };
}
type Name = keyof Tasks;
interface Message<N extends Name> {
  readonly name: N;
  readonly task: Tasks[N]['task'];
}

const AT_A_TIME = 50;
const APPLICATIONS = 100;
const READY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);
const QUESTION = build.query('SELECT 1');

/** The pooler's side. */
export class Clients {
  readonly #child;

  constructor(door: Door) {
    this.#child = fork(fileURLToPath(import.meta.url), [JSON.stringify(door)], { execArgv: [] });
    this.#child.once('exit', (code) => {
      if (code !== null && code !== 0) throw new Error(`the process with the clients has ended: ${code}`);
    });
  }

  async tell<N extends Name>(name: N, task: Tasks[N]['task']): Promise<Tasks[N]['told']> {
    this.#child.send({ name, task });
    const [told] = (await once(this.#child, 'message')) as [Tasks[N]['told'] | { readonly failed: string }];
    if (told !== null && 'failed' in told) throw new Error(told.failed);
    return told;
  }

  stop(): void {
    this.#child.kill();
  }
}

export const databaseName = (number: number) => `d${number}`;

/** Bytes up to a ReadyForQuery outside a transaction. */
async function answered(socket: Socket): Promise<number> {
  let bytes = 0;
  for (;;) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    bytes += chunk.length;
    if (chunk.subarray(-READY.length).equals(READY)) return bytes;
  }
}

async function login({ port, user }: Door, database: string, application: string): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  socket.write(build.startup({ user, database, application_name: application }));
  await answered(socket);
  return socket;
}

class Crowd {
  readonly #door: Door;
  readonly #idle: Socket[] = [];
  readonly #busy: Socket[] = [];
  #console: Socket | null = null;

  constructor(door: Door) {
    this.#door = door;
  }

  async connect({ count, databases }: Tasks['connect']['task']): Promise<null> {
    for (const until = this.#idle.length + count; this.#idle.length < until; ) {
      const first = this.#idle.length;
      const next = Array.from({ length: Math.min(AT_A_TIME, until - first) }, (_, i) =>
        login(this.#door, databaseName((first + i) % databases), `application ${(first + i) % APPLICATIONS}`),
      );
      this.#idle.push(...(await Promise.all(next)));
    }
    return null;
  }

  async ask({ count, databases, seconds }: Tasks['ask']['task']): Promise<Tasks['ask']['told']> {
    while (this.#busy.length < count)
      this.#busy.push(await login(this.#door, databaseName(this.#busy.length % databases), 'busy'));
    const begun = performance.now();
    let transactions = 0;
    let isOver = false;
    const ends = this.#busy.map(
      (socket) =>
        new Promise<void>((done) => {
          // No promise for each answer: what asks must not be what is measured.
          const onData = (chunk: Buffer) => {
            if (!chunk.subarray(-READY.length).equals(READY)) return;
            transactions += 1;
            if (!isOver) socket.write(QUESTION);
            else {
              socket.removeListener('data', onData);
              done();
            }
          };
          socket.on('data', onData);
          socket.write(QUESTION);
        }),
    );
    await new Promise((done) => setTimeout(done, seconds * 1_000));
    const told = { transactions, seconds: (performance.now() - begun) / 1_000 };
    isOver = true;
    await Promise.all(ends);
    return told;
  }

  async get({ path }: Tasks['get']['task']): Promise<Tasks['get']['told']> {
    const begun = performance.now();
    const response = await fetch(`http://127.0.0.1:${this.#door.httpPort}${path}`);
    const { length: bytes } = await response.arrayBuffer().then((body) => Buffer.from(body));
    return { ms: performance.now() - begun, bytes };
  }

  async command({ sql }: Tasks['command']['task']): Promise<Tasks['command']['told']> {
    this.#console ??= await login(this.#door, 'pgsluice', 'console');
    const begun = performance.now();
    this.#console.write(build.query(sql));
    const bytes = await answered(this.#console);
    return { ms: performance.now() - begun, bytes };
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const crowd = new Crowd(JSON.parse(process.argv[2]!) as Door);
  process.once('disconnect', () => process.exit());
  process.on('message', ({ name, task }: Message<Name>) => {
    (crowd[name] as (task: Tasks[Name]['task']) => Promise<Tasks[Name]['told']>)
      .call(crowd, task)
      .then((told) => process.send!(told))
      .catch((error: Error) => process.send!({ failed: `${name}: ${error.message}` }));
  });
}
