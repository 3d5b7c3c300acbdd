// A TCP proxy that misbehaves on demand: delays, cuts, resets, pauses and chops what passes through.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

interface Link {
  client: Socket;
  server: Socket;
}

export class TcpProxy {
  readonly host = '127.0.0.1';
  port = 0;
  /** Each piece arrives this much later, both ways. */
  delayMs = 0;
  /** Pieces of at most this many bytes, each its own write. 0: as they come. */
  chunkSize = 0;
  /** New connections are reset at once. */
  refuse = false;
  readonly #target: { host: string; port: number };
  readonly #server: Server;
  readonly #links = new Set<Link>();
  #paused = false;

  constructor(target: { host: string; port: number }) {
    this.#target = target;
    // allowHalfOpen: a side that ends may still read the other's answer, as through a real network.
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => this.#onClient(client));
  }

  async listen(): Promise<void> {
    this.#server.listen(0, this.host);
    await once(this.#server, 'listening');
    this.port = (this.#server.address() as AddressInfo).port;
  }

  get connections(): number {
    return this.#links.size;
  }

  /** Nothing passes until resume(); connections stay open, as when a network is silently gone. */
  pause(): void {
    this.#paused = true;
    for (const { client, server } of this.#links) {
      client.pause();
      server.pause();
    }
  }

  resume(): void {
    this.#paused = false;
    for (const { client, server } of this.#links) {
      client.resume();
      server.resume();
    }
  }

  /** Closes every connection on both sides. */
  cut(): void {
    for (const { client, server } of this.#links) {
      client.destroy();
      server.destroy();
    }
  }

  /** The same with TCP resets. */
  reset(): void {
    for (const { client, server } of this.#links) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.cut();
    await closed;
  }

  #onClient(client: Socket): void {
    client.on('error', () => {});
    if (this.refuse) {
      client.resetAndDestroy();
      return;
    }
    const server = connect({ ...this.#target, allowHalfOpen: true, noDelay: true });
    server.on('error', () => client.resetAndDestroy());
    client.setNoDelay(true);
    const link = { client, server };
    this.#links.add(link);
    this.#pass(client, server);
    this.#pass(server, client);
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.on('close', () => {
        this.#links.delete(link);
        if (!to.destroyed) to.destroySoon();
      });
    }
    if (this.#paused) server.pause();
    else client.resume();
  }

  #pass(from: Socket, to: Socket): void {
    from.on('data', (chunk: Buffer) => this.#later(() => this.#write(from, to, chunk)));
    from.on('end', () => this.#later(() => to.end()));
  }

  #later(action: () => void): void {
    if (this.delayMs === 0) action();
    else setTimeout(action, this.delayMs);
  }

  #write(from: Socket, to: Socket, chunk: Buffer): void {
    if (to.destroyed || to.writableEnded) return;
    const size = this.chunkSize || chunk.length;
    let room = true;
    for (let at = 0; at < chunk.length; at += size) room = to.write(chunk.subarray(at, at + size));
    if (room) return;
    from.pause();
    to.once('drain', () => {
      if (!this.#paused) from.resume();
    });
  }
}

/** Starts a proxy to `target` on a free port. */
export async function startTcpProxy(target: { host: string; port: number }): Promise<TcpProxy> {
  const proxy = new TcpProxy(target);
  await proxy.listen();
  return proxy;
}
