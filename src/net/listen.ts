// Accepts connections on one or more addresses.

import { createServer, type Server, type Socket } from 'node:net';

export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  readonly backlog: number;
  /** PgBouncer: so_reuseport: several processes on one port. */
  readonly reusePort: boolean;
}

/** Rejects with Node's own error (EADDRINUSE, EACCES, …) when the address can't be had. */
export function listen(options: ListenOptions, accept: (socket: Socket) => void): Promise<Server> {
  const server = createServer({ noDelay: true, allowHalfOpen: false }, accept);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    const { host, port, backlog, reusePort } = options;
    server.listen({ ...(host !== '*' && { host }), port, backlog, reusePort }, () => {
      server.removeListener('error', reject);
      resolve(server);
    });
  });
}
