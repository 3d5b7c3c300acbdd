// Carries a cancel request to Postgres on a connection of its own.
//
// Postgres closes that connection after it has sent the signal, so a server whose cancel requests are all closed can't
// be hit any more: until then server.cancelsInFlight keeps it from other clients. PgBouncer: being_canceled.

import type { Address, Dial } from '../net/dial.ts';
import { cancelRequest } from '../protocol/writer.ts';
import type { Server } from '../server/server.ts';

/** done is called once, when the connection is over or timeoutMs (0: no limit) have passed; the server knows by then. */
export function sendCancel(server: Server, address: Address, dial: Dial, timeoutMs: number, done: () => void): void {
  server.cancelsInFlight += 1;
  carryCancel(dial, address, cancelRequest(server.backendPid, server.cancelKey), timeoutMs, (isSure) => {
    server.cancelEnded(isSure);
    done();
  });
}

/** Opens a connection for one request. isSure: the other side has closed it, so it is through with the request. */
export function carryCancel(
  dial: Dial,
  address: Address,
  request: Buffer,
  timeoutMs: number,
  done: (isSure: boolean) => void,
): void {
  const socket = dial(address);
  let isOver = false;
  const finish = (isSure: boolean) => {
    if (isOver) return;
    isOver = true;
    socket.destroy();
    done(isSure);
  };
  socket.on('error', () => finish(true));
  socket.on('close', () => finish(true));
  socket.on('end', () => finish(true));
  socket.resume();
  if (timeoutMs > 0) socket.setTimeout(timeoutMs, () => finish(false));
  socket.write(request);
}
