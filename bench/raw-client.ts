// Clients of a few bytes each, for benches that have thousands of them: a socket that is logged in, and the answer to a query.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { Authority } from '../test/support/certificates.ts';
import type { Target } from '../test/support/command.ts';
import * as build from '../test/support/wire-messages.ts';

const READY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);

/** auth_type trust. isEncrypted: from the first byte, without the SSLRequest that a driver would send. */
export async function login({ host, port, user }: Target, isEncrypted = false): Promise<Socket> {
  const socket = isEncrypted
    ? connectTls({ host, port, ALPNProtocols: ['postgresql'], rejectUnauthorized: false })
    : connect({ host, port });
  await once(socket, isEncrypted ? 'secureConnect' : 'connect');
  socket.setNoDelay(true);
  const ready = answer(socket);
  socket.write(build.startup({ user, database: 'postgres' }));
  await ready;
  return socket;
}

export async function query(socket: Socket, sql: string): Promise<void> {
  const answered = answer(socket);
  socket.write(build.query(sql));
  await answered;
}

/** Until a ReadyForQuery outside a transaction ends what came. */
async function answer(socket: Socket): Promise<void> {
  for (;;) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    if (chunk.subarray(-6).equals(READY)) return;
  }
}

/** What pgsluice encrypts with. */
export async function tlsSettings(): Promise<Record<string, string>> {
  const { certFile, keyFile } = await (await Authority.make()).issue({ subject: 'CN=pgsluice' });
  return { client_tls_sslmode: 'allow', client_tls_cert_file: certFile, client_tls_key_file: keyFile };
}
