// Facts about the encryption that Postgres offers: a handshake without a login, whoever it turns out to be.
import { connect as connectTcp, type Socket } from 'node:net';
import { type ConnectionOptions, checkServerIdentity, connect, type TLSSocket } from 'node:tls';
import { formatDuration } from '../../util/duration.ts';
import type { CertificateFacts, TlsFacts } from '../facts.ts';

/** Postgres: SSLRequest, protocol.sgml: length 8, code 80877103. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

export interface TlsProbe {
  readonly host: string;
  readonly port: number;
  readonly isDirect: boolean;
  readonly options: ConnectionOptions;
  readonly timeoutMs: number;
}

/** Why nobody was there. */
export interface Unreached {
  readonly kind: 'unreached';
  readonly code: string;
  readonly message: string;
}

/** Never rejects. */
export async function gatherTls(probe: TlsProbe): Promise<TlsFacts | Unreached> {
  const socket = connectTcp({ host: probe.host, port: probe.port });
  const silence = new Error(`no answer within ${formatDuration(probe.timeoutMs)}`);
  socket.setTimeout(probe.timeoutMs, () => socket.destroy(silence));
  try {
    const obstacle = await reach(socket);
    if (obstacle !== null)
      // Of several addresses, whose error has no text of its own.
      return {
        kind: 'unreached',
        code: obstacle.code ?? 'ETIMEDOUT',
        message: obstacle.message || 'no address answers',
      };
    if (!probe.isDirect) {
      socket.write(SSL_REQUEST);
      const answer = await firstByte(socket);
      if (answer === 'N') return { kind: 'refused' };
      if (answer !== 'S') return { kind: 'failed', message: `the answer to SSLRequest is '${answer}'` };
    }
    const secured = connect({
      ...probe.options,
      socket,
      // Chain and name are told apart afterwards.
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
      servername: /^[\d.]+$|:/.test(probe.host) ? '' : probe.host,
      ALPNProtocols: ['postgresql'],
    });
    await once(secured, 'secureConnect');
    return { kind: 'offered', certificate: certificateOf(secured, probe.host) };
  } catch (error) {
    if (error === silence) return { kind: 'unreached', code: 'ETIMEDOUT', message: silence.message };
    return { kind: 'failed', message: error instanceof Error ? error.message : String(error) };
  } finally {
    socket.destroy();
  }
}

function certificateOf(secured: TLSSocket, host: string): CertificateFacts {
  const certificate = secured.getPeerCertificate();
  const problem = secured.authorizationError as unknown;
  return {
    subject: Object.entries(certificate.subject ?? {})
      .map(([name, value]) => `${name}=${String(value)}`)
      .join(','),
    validFrom: Date.parse(certificate.valid_from),
    validTo: Date.parse(certificate.valid_to),
    chainProblem: secured.authorized ? null : String(problem instanceof Error ? problem.message : problem),
    nameProblem: checkServerIdentity(host, certificate)?.message ?? null,
  };
}

/** null: a connection is there. */
function reach(socket: Socket): Promise<NodeJS.ErrnoException | null> {
  return new Promise((done) => {
    socket.once('connect', () => done(null));
    socket.once('error', done);
  });
}

function firstByte(socket: Socket): Promise<string> {
  return new Promise((done, fail) => {
    socket.once('readable', () => done(String(socket.read(1) ?? 'nothing')));
    socket.once('error', fail);
    socket.once('close', () => fail(new Error('Postgres closed the connection')));
  });
}

function once(secured: TLSSocket, event: 'secureConnect'): Promise<void> {
  return new Promise((done, fail) => {
    secured.once(event, done);
    secured.once('error', fail);
    secured.once('close', () => fail(new Error('Postgres closed the connection')));
  });
}
