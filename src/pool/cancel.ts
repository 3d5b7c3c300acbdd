// Carries a cancel request to Postgres on a connection of its own.
//
// Postgres closes that connection after it has sent the signal, so a server whose cancel requests are all closed can't
// be hit any more: until then server.cancelsInFlight keeps it from other clients. PgBouncer: being_canceled.

import type { Address, Dial } from '../net/dial.ts';
import { openStream } from '../net/open-stream.ts';
import type { StreamHandler } from '../net/stream.ts';
import type { TlsWish } from '../net/tls-request.ts';
import { cancelRequest } from '../protocol/writer.ts';
import type { Server } from '../server/server.ts';

/** done is called once, when the connection is over or timeoutMs (0: no limit) have passed; the server knows by then. */
export function sendCancel(server: Server, way: CancelWay, timeoutMs: number, done: () => void): void {
  server.cancelsInFlight += 1;
  carryCancel(way, cancelRequest(server.backendPid, server.cancelKey), timeoutMs, (isSure) => {
    server.cancelEnded(isSure);
    done();
  });
}

/** How a request gets there. */
export interface CancelWay {
  readonly dial: Dial;
  readonly address: Address;
  /** Encrypted as the connection that it is about, so that nobody on the way learns its key; null: in the clear. */
  readonly tls: TlsWish | null;
}

/** Opens a connection for one request. isSure: the other side has closed it, so it is through with the request. */
export function carryCancel(way: CancelWay, request: Buffer, timeoutMs: number, done: (isSure: boolean) => void): void {
  let isOver = false;
  let timer: NodeJS.Timeout | null = null;
  const finish = (isSure: boolean) => {
    if (isOver) return;
    isOver = true;
    if (timer !== null) clearTimeout(timer);
    stream.destroy();
    done(isSure);
  };
  const handler: StreamHandler = {
    onData: () => {},
    keepsChunk: false,
    onDrain: () => {},
    onEnd: () => finish(true),
    onBug: () => finish(true),
  };
  const stream = openStream(way.dial, way.address, way.tls, handler, (opened) => opened.write(request));
  if (timeoutMs > 0) timer = setTimeout(() => finish(false), timeoutMs);
}
