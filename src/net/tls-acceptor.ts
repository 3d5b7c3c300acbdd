// Encrypts connections that come in. Node (tls.Server): a connection that was accepted elsewhere is given to it by the event.

import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { Stream } from './stream.ts';
import type { TlsMaterial } from './tls-files.ts';
import { ALPN_PROTOCOL, type CertificateSubject, endPointHash, peerCertificate, subjectOf } from './tls-peer.ts';

/** How a client's end of an encrypted connection looks. */
export interface TlsGuest {
  /** Verified; null: it showed none, or one that did not verify. */
  readonly certificate: CertificateSubject | null;
  /** Why the certificate that it showed does not count; null: it does, or there is none. */
  readonly certificateProblem: string | null;
  /** Of our certificate, for channel binding. */
  readonly endPointHash: Buffer | null;
  /** It said by ALPN that it speaks PostgreSQL. */
  readonly hasAlpn: boolean;
}

/** Postgres: libpq sends and answers at once; who is silent for so long is cut by client_login_timeout earlier, if that is set. */
const HANDSHAKE_TIMEOUT_MS = 60_000;

export class TlsAcceptor {
  readonly #server: Server;
  readonly #endPointHash: Buffer | null;
  /** Handshakes under way, by what their sockets and the encrypted ones have in common. */
  readonly #guests = new Map<string, (socket: TLSSocket) => void>();

  /** asksCertificate: certificates of clients are wanted. One that does not verify is not refused here: the client is told why later. */
  constructor(material: TlsMaterial, asksCertificate: boolean) {
    this.#endPointHash = material.certificate === null ? null : endPointHash(material.certificate);
    this.#server = createServer({
      ...material.options,
      requestCert: asksCertificate,
      rejectUnauthorized: false,
      ALPNProtocols: [ALPN_PROTOCOL],
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    });
    this.#server.on('secureConnection', (socket) => {
      const take = this.#guests.get(keyOf(socket));
      if (take === undefined) socket.destroy();
      else take(socket);
    });
    // The connection is closed with it, which its stream is told; a peer that trickles nonsense is nothing to log.
    this.#server.on('tlsClientError', () => {});
  }

  /** Encrypts the stream from here on; first: bytes of the handshake that were read already. done is not called when it fails: the stream ends. */
  encrypt(stream: Stream, first: Buffer | null, done: (guest: TlsGuest) => void): void {
    const socket = stream.release();
    if (first !== null) socket.unshift(first);
    const key = keyOf(socket);
    this.#guests.set(key, (secure) => {
      this.#guests.delete(key);
      stream.adopt(secure);
      done(this.#guestAt(secure));
    });
    socket.once('close', () => {
      if (this.#guests.delete(key)) stream.fail(null);
    });
    this.#server.emit('connection', socket);
  }

  #guestAt(socket: TLSSocket): TlsGuest {
    const certificate = peerCertificate(socket);
    return {
      certificate: certificate !== null && socket.authorized ? subjectOf(certificate) : null,
      certificateProblem: certificate === null || socket.authorized ? null : String(socket.authorizationError),
      endPointHash: this.#endPointHash,
      hasAlpn: socket.alpnProtocol === ALPN_PROTOCOL,
    };
  }
}

/** Both ends of a TCP connection: no other one has the same. */
function keyOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}
