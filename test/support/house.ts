// A pooler with real pools, clients and servers, whose sockets take everything and say only what they are told to.
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { pino } from 'pino';
import { stringify } from 'yaml';
import { type App, startApp } from '../../src/app.ts';
import type { Client } from '../../src/client/client.ts';
import { parseConfig } from '../../src/config/load.ts';
import type { Pool } from '../../src/pool/pool.ts';
import { SteadyClock } from '../../src/util/clock.ts';
import { MemoryPostgres } from './memory-postgres.ts';
import { memorySocketPair } from './memory-socket.ts';
import * as build from './wire-messages.ts';

/** As much of a socket as a stream asks for: the work of the system and of Node is not what is measured here. */
class Sink extends EventEmitter {
  readonly remoteAddress = '127.0.0.1';
  readonly remotePort = 1;
  readonly localAddress = '127.0.0.1';
  readonly localPort = 2;
  readonly writableLength = 0;
  readonly writableNeedDrain = false;
  readonly destroyed = false;
  bytesWritten = 0;

  write(bytes: Buffer): boolean {
    this.bytesWritten += bytes.length;
    return true;
  }
  cork(): void {}
  uncork(): void {}
  pause(): void {}
  resume(): void {}
  setNoDelay(): void {}
  setKeepAlive(): void {}
  setTimeout(): void {}
  end(): void {}
  destroy(): void {}
}

/** Time that passes when it is told to. */
export class HandClock extends SteadyClock {
  at = 1_000;
  override now(): number {
    return this.at;
  }
}

export class House {
  readonly app: App;
  readonly postgres: MemoryPostgres;

  private constructor(app: App, postgres: MemoryPostgres) {
    this.app = app;
    this.postgres = postgres;
  }

  /** Its timer stands still. */
  static async open(settings: Record<string, unknown>, clock = new SteadyClock()): Promise<House> {
    const postgres = new MemoryPostgres();
    const tree = {
      listen_port: 0,
      http_listen_port: 0,
      auth_type: 'any',
      server_tls_sslmode: 'disable',
      max_client_conn: 20_000,
      query_wait_timeout: 0,
      databases: { '*': { host: 'memory' } },
      ...settings,
    };
    const result = parseConfig(stringify(tree));
    if (!result.ok) throw new Error(result.problems.map(({ message }) => message).join('\n'));
    const app = await startApp(result.config, { log: pino({ level: 'silent' }), clock, dial: () => postgres.dial() });
    app.janitor.stop();
    return new House(app, postgres);
  }

  pool(database = 'app'): Pool {
    return this.app.pools.find(database, 'app')!;
  }

  /** One more that has logged in. */
  async connect(database = 'app', application = 'bench'): Promise<Client> {
    const [mine, theirs] = memorySocketPair();
    mine.on('error', () => {});
    mine.resume();
    const { clients } = this.app;
    const before = clients.size;
    this.app.accept(theirs);
    mine.write(build.startup({ user: 'app', database, application_name: application }));
    let client: Client | null = null;
    // It may have to wait for its turn before it is one.
    for (let i = 0; client === null || client.isLoggingIn; i += 1) {
      client ??= clients.size > before ? newest(clients) : null;
      if (i > 1_000) throw new Error('a client does not come in');
      await turn();
    }
    client.stream.release();
    client.stream.adopt(new Sink() as unknown as Socket);
    return client;
  }

  /** Its servers say no more than what they are told to from now on. */
  async silence(): Promise<void> {
    for (let i = 0; i < 10; i += 1) await turn();
    for (const pool of this.app.pools) {
      for (const server of pool.allServers()) {
        server.stream.release();
        server.stream.adopt(new Sink() as unknown as Socket);
      }
    }
    if (this.postgres.backends.some(({ waiting }) => waiting > 0)) throw new Error('a question is left');
  }

  async stop(): Promise<void> {
    await this.app.stop();
  }
}

/** The one that came last; when there are many it is found among those that log in. */
function newest(clients: App['clients']): Client {
  return (clients.lists.login.tail as Client | null) ?? [...clients].at(-1)!;
}
