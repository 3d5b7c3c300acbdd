// Accepts connections on one address or one Unix socket.

import { createServer, type ListenOptions, type Server, type Socket } from 'node:net';

export type DoorOptions =
  /** reusePort: PgBouncer: so_reuseport: several processes on one port. */
  | { readonly host: string; readonly port: number; readonly backlog: number; readonly reusePort: boolean }
  | { readonly path: string; readonly backlog: number };

/** What is accepted is not read until a Stream is made of it. Rejects with Node's own error (EADDRINUSE, EACCES, …) when the address can't be had. */
export function listen(options: DoorOptions, accept: (socket: Socket) => void): Promise<Server> {
  const server = createServer({ noDelay: true, allowHalfOpen: false, pauseOnConnect: true }, accept);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    const wanted: ListenOptions = { ...options };
    if (wanted.host === '*') delete wanted.host;
    server.listen(wanted, () => {
      server.removeListener('error', reject);
      resolve(server);
    });
  });
}
