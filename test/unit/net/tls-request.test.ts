// What Postgres, or who stands in its place, may answer to a request for encryption.
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { dialStream } from '../../../src/net/dial.ts';
import { openStream } from '../../../src/net/open-stream.ts';
import type { Stream } from '../../../src/net/stream.ts';
import { readTlsMaterial } from '../../../src/net/tls-files.ts';
import { TlsRefusal, type TlsWish } from '../../../src/net/tls-request.ts';
import { waitUntil } from '../../support/wait-until.ts';

const lookup = (_name: string, _options: unknown, done: (error: null, address: string, family: number) => void) =>
  done(null, '127.0.0.1', 4);
const material = readTlsMaterial(
  {
    caFile: '',
    certFile: '',
    keyFile: '',
    ciphers: 'default',
    tls13Ciphers: '',
    protocols: 'secure',
    ecdhCurve: 'auto',
  },
  'server_tls_',
);
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);

interface Outcome {
  /** The first message may be sent. */
  isReady: boolean;
  error: Error | null | undefined;
  readonly data: Buffer[];
  readonly stream: Stream;
  readonly connections: Socket[];
}

/** Someone who answers each first packet so. */
async function ask(mode: TlsWish['mode'], answer: (socket: Socket, connection: number) => void, isDirect = false) {
  const connections: Socket[] = [];
  const server = createServer((socket) => {
    connections.push(socket);
    socket.on('error', () => {});
    socket.once('data', () => answer(socket, connections.length));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of connections) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const data: Buffer[] = [];
  return new Promise<Outcome>((done) => {
    let outcome: Outcome | null = null;
    const stream = openStream(
      (address) => dialStream(address, lookup as never),
      { host: '127.0.0.1', port },
      { mode, isDirect, material },
      {
        onData: (chunk) => data.push(chunk),
        keepsChunk: false,
        onDrain: () => {},
        onEnd: (error) => finish({ error }),
        onBug: (error) => finish({ error: error as Error }),
      },
      () => finish({ isReady: true }),
    );
    onTestFinished(() => stream.destroy());
    function finish(part: Partial<Outcome>): void {
      if (outcome !== null) Object.assign(outcome, part);
      else {
        outcome = { isReady: false, error: undefined, data, stream, connections, ...part };
        done(outcome);
      }
    }
  });
}

test('yes with anything behind it is refused: that was not encrypted (CVE-2021-23222)', async () => {
  const { isReady, error, data } = await ask('prefer', (socket) => socket.write('SZ\0\0\0\x05I'));
  expect(isReady).toBe(false);
  expect(error).toBeInstanceOf(TlsRefusal);
  expect(error?.message).toBe('received unencrypted data after SSL response');
  expect(data).toEqual([]);
});

test('an error in the place of an answer is not passed on: anybody could have said it (CVE-2024-10977)', async () => {
  const { error, data } = await ask('prefer', (socket) => socket.write('E\0\0\0\x10SFATAL\0Mpay\0\0'));
  expect(error?.message).toBe('server sent an error response during SSL exchange');
  expect(data).toEqual([]);
});

test.each(['?', 'NN', 'R\0\0\0\x08\0\0\0\0'])('%j is no answer', async (answer) => {
  const { error } = await ask('prefer', (socket) => socket.write(answer));
  expect(error?.message).toBe('received invalid response to SSL negotiation');
});

test('no is enough for prefer and allow, and the connection goes on in the clear', async () => {
  for (const mode of ['prefer', 'allow'] as const) {
    const { isReady, stream, connections } = await ask(mode, (socket) => socket.write('N'));
    expect([isReady, stream.tls, connections.length]).toEqual([true, '', 1]);
  }
});

test('no is not enough for the stricter ones', async () => {
  for (const mode of ['require', 'verify-ca', 'verify-full'] as const) {
    const { isReady, error } = await ask(mode, (socket) => socket.write('N'));
    expect(isReady).toBe(false);
    expect(error).toBeInstanceOf(TlsRefusal);
    expect(error?.message).toBe('server does not support SSL, but SSL was required');
  }
});

test('a handshake that fails is the end with require, and a new connection in the clear with prefer', async () => {
  const nonsense = (socket: Socket) => {
    socket.write('S');
    socket.once('data', () => socket.write('this is no handshake at all'));
  };
  const strict = await ask('require', nonsense);
  expect(strict.error).toBeInstanceOf(TlsRefusal);
  expect(strict.error?.message).toMatch(/^SSL error: /);
  const lenient = await ask('prefer', nonsense);
  expect([lenient.isReady, lenient.stream.tls]).toEqual([true, '']);
  lenient.stream.write(Buffer.from('hello'));
  await waitUntil(() => lenient.connections.length === 2);
});

test('a connection that is lost meanwhile is lost, not refused', async () => {
  const atOnce = await ask('require', (socket) => socket.destroy());
  expect(atOnce.error).not.toBeInstanceOf(TlsRefusal);
  const inHandshake = await ask('require', (socket) => {
    socket.write('S');
    socket.once('data', () => socket.resetAndDestroy());
  });
  expect(inHandshake.isReady).toBe(false);
  expect(inHandshake.error).not.toBeInstanceOf(TlsRefusal);
});

test('it asks with the eight bytes of SSLRequest, and with direct TLS with the handshake itself', async () => {
  let first: Buffer | null = null;
  const server = createServer((socket) => socket.once('data', (chunk) => (first = chunk)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  for (const isDirect of [false, true]) {
    first = null;
    const stream = openStream(
      (address) => dialStream(address, lookup as never),
      { host: '127.0.0.1', port },
      { mode: 'require', isDirect, material },
      { onData: () => {}, keepsChunk: false, onDrain: () => {}, onEnd: () => {}, onBug: () => {} },
      () => {},
    );
    while (first === null) await delay(5);
    if (isDirect) expect((first as Buffer)[0]).toBe(0x16);
    else expect(first).toEqual(SSL_REQUEST);
    stream.destroy();
  }
});
