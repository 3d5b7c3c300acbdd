// The pool against a model: random clients that query, fail, leave and cancel over servers that answer late, die and come back. After every
// step each list and link must be right, and every reply must belong to who asked.
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { pino } from 'pino';
import { expect, test, vi } from 'vitest';
import { type App, startApp } from '../../src/app.ts';
import { parseConfig } from '../../src/config/load.ts';
import { ReplyQueue } from '../../src/server/reply-queue.ts';
import { SteadyClock } from '../../src/util/clock.ts';
import { expectInvariants } from '../support/invariants.ts';
import { MemoryPostgres } from '../support/memory-postgres.ts';
import { memorySocketPair } from '../support/memory-socket.ts';
import * as build from '../support/wire-messages.ts';

const MAX_CLIENTS = 6;

class ManualClock extends SteadyClock {
  at = 1_000;
  override now(): number {
    return this.at;
  }
}

/** A client of the model: what it waits for, and what it was answered. */
class ModelClient {
  readonly socket;
  /** The token that each ReadyForQuery still to come belongs to; null for statements without a row. */
  readonly expected: (string | null)[] = [];
  isClosed = false;
  isReady = false;
  pid = 0;
  key: Buffer = Buffer.alloc(0);
  #pending: Buffer = Buffer.alloc(0);

  constructor(app: App, application = '') {
    const [mine, theirs] = memorySocketPair();
    this.socket = mine;
    mine.on('data', (chunk: Buffer) => this.#onData(chunk));
    mine.on('error', () => {});
    mine.on('close', () => {
      this.isClosed = true;
    });
    app.accept(theirs);
    mine.write(build.startup({ user: 'app', database: 'app', application_name: application }));
  }

  send(bytes: Buffer, token: string | null): void {
    this.expected.push(token);
    this.socket.write(bytes);
  }

  #onData(chunk: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    while (this.#pending.length >= 5) {
      const length = this.#pending.readInt32BE(1);
      if (this.#pending.length < length + 1) return;
      this.#onMessage(String.fromCharCode(this.#pending[0]!), this.#pending.subarray(5, length + 1));
      this.#pending = this.#pending.subarray(length + 1);
    }
  }

  #onMessage(type: string, body: Buffer): void {
    if (type === 'K') {
      this.pid = body.readInt32BE(0);
      this.key = Buffer.from(body.subarray(4));
    } else if (type === 'Z' && !this.isReady) this.isReady = true;
    else if (type === 'Z') {
      if (this.expected.length === 0) throw new Error('a ReadyForQuery that this client did not ask for');
      this.expected.shift();
    } else if (type === 'D') {
      const got = body.toString('utf8', 6);
      if (got !== this.expected[0])
        throw new Error(`a reply of somebody else: asked for ${this.expected[0]}, got ${got}`);
    }
  }
}

class Real {
  readonly postgres = new MemoryPostgres();
  readonly clock = new ManualClock();
  readonly clients: ModelClient[] = [];
  app!: App;
  poolSize = 2;
  maxWaiting = 0;
  tokens = 0;

  async start(): Promise<void> {
    this.app = await startApp(this.#config(), {
      log: pino({ level: 'silent' }),
      clock: this.clock,
      dial: () => this.postgres.dial(),
      load: () => ({ ok: true, config: this.#config() }),
    });
    this.app.janitor.stop();
  }

  #config() {
    const text = `{ listen_port: 0, http_listen_port: 0, log_level: fatal, auth_type: any, default_pool_size: ${this.poolSize}, query_wait_timeout: 10s, application_weights: { b: 3 }, max_waiting_clients: ${this.maxWaiting},
      idle_transaction_timeout: 60s, server_tls_sslmode: disable, databases: { app: { host: memory } } }`;
    const result = parseConfig(text);
    if (!result.ok) throw new Error(result.problems.map((problem) => problem.message).join('\n'));
    return result.config;
  }

  token(): string {
    this.tokens += 1;
    return `token-${this.tokens}`;
  }

  open(): ModelClient[] {
    return this.clients.filter((client) => !client.isClosed && client.isReady);
  }

  /** Lets everything that is on its way arrive, then looks at every list. */
  async settle(): Promise<void> {
    for (let i = 0; i < 6; i += 1) await turn();
    expectInvariants(this.app);
    for (const pool of this.app.pools) {
      // A smaller pool_size holds for new servers; what is there may stay until it is released.
      if (pool.serverCount > 3) throw new Error(`${pool.serverCount} servers, pool_size was never above 3`);
    }
  }
}

type Command = fc.AsyncCommand<object, Real>;

/** A step: what it does with one of the things that there are. */
function step(name: string, act: (real: Real) => void): Command {
  return {
    check: () => true,
    run: async (_model, real) => {
      act(real);
      await real.settle();
    },
    toString: () => name,
  };
}

function withClient(name: string, i: number, act: (client: ModelClient, real: Real) => void): Command {
  return step(`${name}(${i})`, (real) => {
    const open = real.open();
    const client = open[i % Math.max(open.length, 1)];
    if (client !== undefined) act(client, real);
  });
}

const batch = (sql: string) => Buffer.concat([build.parse({ sql }), build.bind(), build.execute(), build.sync()]);

const index = fc.nat({ max: 11 });
const commands = [
  fc.constantFrom('', 'a', 'b').map((application) =>
    step(`connect ${application}`, (real) => {
      if (real.clients.filter((client) => !client.isClosed).length < MAX_CLIENTS)
        real.clients.push(new ModelClient(real.app, application));
    }),
  ),
  index.map((i) =>
    withClient('query', i, (client, real) => {
      const token = real.token();
      client.send(build.query(token), token);
    }),
  ),
  index.map((i) =>
    withClient('batch', i, (client, real) => {
      const token = real.token();
      client.send(batch(token), token);
    }),
  ),
  fc
    .tuple(index, fc.constantFrom('BEGIN', 'COMMIT', 'ROLLBACK', 'FAIL'))
    .map(([i, sql]) => withClient(sql, i, (client) => client.send(build.query(sql), null))),
  fc.tuple(index, fc.integer({ min: 2, max: 5 })).map(([i, depth]) =>
    withClient(`pipeline of ${depth}`, i, (client, real) => {
      const tokens = Array.from({ length: depth }, () => real.token());
      client.expected.push(...tokens);
      client.socket.write(Buffer.concat(tokens.map((token, at) => (at % 2 === 0 ? build.query(token) : batch(token)))));
    }),
  ),
  index.map((i) =>
    withClient('half a message', i, (client) => {
      client.socket.write(build.query('half').subarray(0, 7), () => client.socket.destroy());
    }),
  ),
  index.map((i) =>
    withClient('leave', i, (client) => {
      client.socket.destroy();
    }),
  ),
  index.map((i) =>
    withClient('terminate', i, (client) => {
      client.socket.end(build.terminate());
    }),
  ),
  index.map((i) =>
    withClient('cancel', i, (client, real) => {
      const [mine, theirs] = memorySocketPair();
      mine.on('error', () => {});
      mine.resume();
      real.app.accept(theirs);
      mine.write(build.cancelRequest(client.pid, client.key));
    }),
  ),
  fc.tuple(index, fc.integer({ min: 1, max: 8 })).map(([i, count]) =>
    step(`answer(${i}, ${count})`, (real) => {
      const { backends } = real.postgres;
      backends[i % Math.max(backends.length, 1)]?.answer(count);
    }),
  ),
  fc.constant(
    step('answer everything', (real) => {
      for (const one of real.postgres.backends.slice()) one.answer();
    }),
  ),
  index.map((i) =>
    step(`kill(${i})`, (real) => {
      const { backends } = real.postgres;
      backends[i % Math.max(backends.length, 1)]?.kill();
    }),
  ),
  fc.boolean().map((isAway) =>
    step(isAway ? 'Postgres goes' : 'Postgres comes', (real) => {
      real.postgres.isAway = isAway;
    }),
  ),
  fc.constantFrom(100, 1_000, 11_000, 61_000).map((ms) =>
    step(`time passes (${ms} ms)`, (real) => {
      real.clock.at += ms;
      real.app.janitor.tick();
    }),
  ),
  fc.integer({ min: 1, max: 3 }).map((size) =>
    step(`reload with pool_size ${size}`, (real) => {
      real.poolSize = size;
      real.app.control.reload();
    }),
  ),
  fc.integer({ min: 0, max: 2 }).map((max) =>
    step(`reload with max_waiting_clients ${max}`, (real) => {
      real.maxWaiting = max;
      real.app.control.reload();
    }),
  ),
  fc.constantFrom('pause', 'resume', 'reconnect').map((verb) =>
    step(verb, (real) => {
      if (verb === 'pause') void real.app.control.pause(null);
      else if (verb === 'resume') real.app.control.resume(null);
      else real.app.control.reconnect(null);
    }),
  ),
];

/** At the end everybody gets an answer, or an end. */
async function finish(real: Real): Promise<void> {
  real.postgres.isAway = false;
  real.app.control.resume(null);
  for (let round = 0; round < 60 && real.open().some((client) => client.expected.length > 0); round += 1) {
    for (const one of real.postgres.backends.slice()) one.answer();
    real.clock.at += 500;
    real.app.janitor.tick();
    await real.settle();
  }
  const left = real.open().filter((client) => client.expected.length > 0);
  if (left.length > 0) throw new Error(`${left.length} clients without an answer: ${left[0]?.expected.join(', ')}`);
}

async function run(steps: Iterable<Command>): Promise<void> {
  const real = new Real();
  await real.start();
  try {
    await fc.asyncModelRun(() => ({ model: {}, real }), steps);
    await finish(real);
  } finally {
    for (const client of real.clients) client.socket.destroy();
    await real.app.stop();
  }
}

const BUDGET_MS = Number(process.env.FUZZ_MS ?? 10_000);

test('whatever clients, servers and operators do, every list is right and every reply belongs to who asked', {
  timeout: BUDGET_MS + 60_000,
}, async () => {
  // When the time is over, the last run is left where it is: it must not meet the fault of the next test.
  let last = Promise.resolve();
  const property = fc.asyncProperty(fc.commands(commands, { maxCommands: 60, size: 'max' }), (steps) => {
    last = run(steps);
    return last;
  });
  await fc.assert(property, { numRuns: 100_000, interruptAfterTimeLimit: BUDGET_MS, markInterruptAsFailure: false });
  await last;
});

test('a pool that releases a server at the first ReadyForQuery of a pipeline is caught', async () => {
  const fault = vi.spyOn(ReplyQueue.prototype, 'isIdle', 'get').mockReturnValue(true);
  const steps = ['connect', 'connect'].map(() =>
    step('connect', (real) => real.clients.push(new ModelClient(real.app))),
  );
  const pipeline = withClient('pipeline', 0, (client, real) => {
    const tokens = [real.token(), real.token()];
    client.expected.push(...tokens);
    client.socket.write(Buffer.concat(tokens.map((token) => build.query(token))));
  });
  const answerOne = step('answer', (real) => real.postgres.backends[0]?.answer(1));
  await expect(run([...steps, pipeline, answerOne, answerOne])).rejects.toThrow();
  fault.mockRestore();
});
