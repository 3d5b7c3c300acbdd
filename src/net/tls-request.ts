// Encrypts a connection to Postgres before anything else is sent on it: by SSLRequest, or at once (direct TLS, PostgreSQL 17).
//
// Protocol: "SSL Session Encryption". Postgres: the states CONNECTION_SSL_STARTUP and so on in PQconnectPoll (fe-connect.c).

import { isIP, type Socket } from 'node:net';
import { connect as connectTls, type PeerCertificate } from 'node:tls';
import type { Stream, StreamHandler } from './stream.ts';
import type { TlsMaterial } from './tls-files.ts';
import { ALPN_PROTOCOL } from './tls-peer.ts';

export type SslMode = 'disable' | 'allow' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';

export interface TlsWish {
  readonly mode: Exclude<SslMode, 'disable'>;
  /** No SSLRequest: the handshake comes first. */
  readonly isDirect: boolean;
  /** null: it could not be made. Then nobody is spoken to who has to be encrypted. */
  readonly material: TlsMaterial | null;
}

/** The other end is there and is not to be spoken to as it was wished: another try would end the same. */
export class TlsRefusal extends Error {}

/** Postgres: NEGOTIATE_SSL_CODE. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
const YES = 0x53;
const NO = 0x4e;
const ERROR = 0x45;

/** done: the first message may be sent. In its stead the stream's handler may hear onEnd(). */
export function requestTls(
  stream: Stream,
  host: string,
  wish: TlsWish,
  /** Opens the connection once more, for those who would rather not be encrypted than not connected. */
  again: () => Socket,
  done: () => void,
): void {
  const { isDirect, material, mode } = wish;
  if (material === null) {
    if (isPreference(mode)) done();
    // Not before whoever asked for this has the stream.
    else
      setImmediate(() =>
        stream.fail(new TlsRefusal('what server_tls_ names can not be used: the log of pgsluice says why')),
      );
    return;
  }
  const encrypt = () => handshake(stream, host, mode, isDirect, material, again, done);
  if (isDirect) encrypt();
  else {
    stream.handler = new Answer(stream, stream.handler, encrypt, mode, done);
    stream.write(SSL_REQUEST);
  }
}

/** Hears the one byte that answers SSLRequest. */
class Answer implements StreamHandler {
  readonly #stream: Stream;
  readonly #next: StreamHandler;
  readonly #encrypt: () => void;
  readonly #mode: TlsWish['mode'];
  readonly #plain: () => void;

  constructor(stream: Stream, next: StreamHandler, encrypt: () => void, mode: TlsWish['mode'], plain: () => void) {
    this.#stream = stream;
    this.#next = next;
    this.#encrypt = encrypt;
    this.#mode = mode;
    this.#plain = plain;
  }

  onData(chunk: Buffer): void {
    const stream = this.#stream;
    stream.handler = this.#next;
    const [answer] = chunk;
    // What comes with the answer was not encrypted, and could be somebody else's (CVE-2021-23222).
    if (answer === YES && chunk.length > 1) stream.fail(new TlsRefusal('received unencrypted data after SSL response'));
    else if (answer === YES) this.#encrypt();
    // It may be anybody who says so, and applications show it (CVE-2024-10977): its words are not passed on.
    else if (answer === ERROR) stream.fail(new TlsRefusal('server sent an error response during SSL exchange'));
    else if (answer !== NO || chunk.length > 1)
      stream.fail(new TlsRefusal('received invalid response to SSL negotiation'));
    else if (isPreference(this.#mode)) this.#plain();
    else stream.fail(new TlsRefusal('server does not support SSL, but SSL was required'));
  }

  get keepsChunk(): boolean {
    return false;
  }

  onDrain(): void {}

  onEnd(error: Error | null): void {
    this.#next.onEnd(error);
  }

  onBug(error: unknown): void {
    this.#next.onBug(error);
  }
}

/** PgBouncer: allow is as prefer. */
function isPreference(mode: TlsWish['mode']): boolean {
  return mode === 'prefer' || mode === 'allow';
}

function handshake(
  stream: Stream,
  host: string,
  mode: TlsWish['mode'],
  isDirect: boolean,
  material: TlsMaterial,
  again: () => Socket,
  done: () => void,
): void {
  const isVerified = mode === 'verify-ca' || mode === 'verify-full';
  const below = stream.release();
  const secure = connectTls({
    socket: below,
    secureContext: material.context,
    ALPNProtocols: [ALPN_PROTOCOL],
    rejectUnauthorized: isVerified,
    host,
    ...(isIP(host) === 0 && { servername: host }),
    ...(mode !== 'verify-full' && { checkServerIdentity: acceptAnyName }),
  });
  const onFailure = (error: Error) => {
    secure.destroy();
    below.destroy();
    if (stream.isOver) return;
    if (isPreference(mode)) {
      stream.adopt(again());
      done();
    } else stream.fail(failureOf(error));
  };
  secure.once('error', onFailure);
  secure.once('secureConnect', () => {
    if (stream.isOver) return;
    if (isDirect && secure.alpnProtocol !== ALPN_PROTOCOL) {
      onFailure(new Error('direct SSL connection was established without ALPN protocol negotiation extension'));
      return;
    }
    secure.removeListener('error', onFailure);
    stream.adopt(secure);
    done();
  });
}

/** Errors of the system (ECONNRESET and its kind) say that the other end is away, those of OpenSSL and of Node that it is not trusted. */
function failureOf(error: NodeJS.ErrnoException): Error {
  return /^E[A-Z]+$/.test(error.code ?? '') ? error : new TlsRefusal(`SSL error: ${error.message}`);
}

function acceptAnyName(_host: string, _certificate: PeerCertificate): undefined {
  return undefined;
}
