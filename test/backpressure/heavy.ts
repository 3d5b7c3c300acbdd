// The heavy ends of the backpressure runs: one client with far more bytes than anybody may keep in memory.
import { setTimeout as delay } from 'node:timers/promises';
import type { Target } from '../support/command.ts';
import { connectAndLogin, type WireClient } from '../support/wire.ts';
import * as build from '../support/wire-messages.ts';

const MB = 1024 * 1024;

export interface Heavy {
  readonly name: string;
  /** Moves the bytes; resolves with how many arrived or were taken. */
  run(target: Target, megabytes: number): Promise<number>;
}

/** Counts the bytes that come, undecoded, until the last ones are a ReadyForQuery. */
async function drain(client: WireClient, onBytes: () => void): Promise<number> {
  let bytes = 0;
  let tail: Buffer = Buffer.alloc(0);
  const { socket } = client;
  socket.removeAllListeners('data');
  return new Promise((resolve, reject) => {
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      tail = chunk.length >= 6 ? chunk.subarray(-6) : Buffer.concat([tail, chunk]).subarray(-6);
      onBytes();
      if (tail.equals(READY)) resolve(bytes);
    });
    socket.on('close', () => reject(new Error(`closed after ${bytes} bytes`)));
  });
}

const READY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);

/** Asks for much, reads nothing for a while, then reads all. */
const slowReader: Heavy = {
  name: 'a client that stops reading its result',
  async run(target, megabytes) {
    const client = await connectAndLogin(target.port, target);
    const done = drain(client, () => {});
    client.socket.pause();
    client.send(build.query(`SELECT repeat('x', ${MB}) FROM generate_series(1, ${megabytes})`));
    await delay(3_000);
    client.socket.resume();
    const bytes = await done;
    client.destroy();
    return bytes;
  },
};

/** Writes as fast as it may into a server that takes it slowly. */
const copyIn: Heavy = {
  name: 'COPY in to a slow server',
  async run(target, megabytes) {
    const client = await connectAndLogin(target.port, target);
    await client.rows(`CREATE TABLE IF NOT EXISTS swallowed (line text)`);
    await client.rows(
      `CREATE OR REPLACE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`,
    );
    await client.rows(
      `CREATE OR REPLACE TRIGGER swallow BEFORE INSERT ON swallowed FOR EACH ROW EXECUTE FUNCTION swallow()`,
    );
    client.send(build.query('COPY swallowed FROM STDIN'));
    await client.readUntil('G');
    const row = build.copyData(`${'y'.repeat(MB - 1)}\n`);
    for (let i = 0; i < megabytes; i += 1) {
      if (!client.socket.write(row)) await new Promise((done) => client.socket.once('drain', done));
    }
    client.send(build.copyDone());
    await client.readUntil('Z', 120_000);
    client.destroy();
    return megabytes * MB;
  },
};

/** One value, as large as it may be. */
const oneValue: Heavy = {
  name: 'one value',
  async run(target, megabytes) {
    const client = await connectAndLogin(target.port, target);
    const done = drain(client, () => {});
    client.send(build.query(`SELECT repeat('z', ${megabytes * MB})`));
    const bytes = await done;
    client.destroy();
    return bytes;
  },
};

export const HEAVIES = { slowReader, copyIn, oneValue } as const;
