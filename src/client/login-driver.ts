// Carries a client's first bytes to its login machine and the answers back. It exists only until the client is let in,
// refused, or has turned out to be a cancel request.

import type { Attempt, Guessing } from '../auth/guessing.ts';
import { saltPassword } from '../auth/pbkdf2.ts';
import type { Stream } from '../net/stream.ts';
import type { TlsAcceptor } from '../net/tls-acceptor.ts';
import { type PoolerError, poolerError } from '../protocol/catalogue.ts';
import { type FrameReader, holdTable } from '../protocol/frame-reader.ts';
import { Frontend, typeName } from '../protocol/message-types.ts';
import { StartupReader } from '../protocol/startup.ts';
import { ClientLogin, type ClientLoginStep, type ClientStartup, type Gatekeeper } from './login.ts';

/** Postgres: PG_MAX_AUTH_TOKEN_LENGTH. Anything but an answer to our question is refused at its first byte. */
export const LOGIN_TABLE = holdTable([Frontend.Password], 65_536);
const AGREED = Buffer.from('S');
/** RFC 8446 section 5.1: the content type of the first record. No length of a startup packet begins with it. */
const TLS_HANDSHAKE = 0x16;
/** What may wait unread meanwhile: a message of the login and a bit. */
const MAX_UNREAD_BYTES = 70_000;

export type Authenticated = Extract<ClientLoginStep, { kind: 'authenticated' }>;

export interface LoginOwner {
  readonly stream: Stream;
  onLoginDone(step: Authenticated): void;
  onLoginFailed(error: PoolerError, detail: string): void;
  onCancelRequest(processId: number, key: Buffer): void;
  /** A mistake of ours: the client has to be closed. */
  onBug(error: unknown): void;
}

export class LoginDriver {
  readonly #owner: LoginOwner;
  readonly #machine: ClientLogin;
  /** Null as soon as the startup packet is in: messages with a type follow. */
  #packets: StartupReader | null = new StartupReader();
  readonly #reader: FrameReader;
  readonly #acceptor: () => TlsAcceptor | null;
  readonly #guessing: Guessing;
  /** The password that is looked at. */
  #attempt: Attempt | null = null;
  /** Nothing is read: a key is derived, a secret is asked for, or others guess the same password. */
  #isBusy = false;
  #isOver = false;

  /** reader: takes what follows the startup packet; whoever comes after the login reads on with it. */
  constructor(
    owner: LoginOwner,
    gatekeeper: Gatekeeper,
    guessing: Guessing,
    reader: FrameReader,
    acceptor: () => TlsAcceptor | null,
  ) {
    this.#owner = owner;
    this.#guessing = guessing;
    const { isUnix, remoteAddress } = owner.stream;
    this.#machine = new ClientLogin(gatekeeper, { address: isUnix ? null : remoteAddress, tls: null });
    this.#reader = reader;
    this.#acceptor = acceptor;
  }

  /** Who it says it is; null until the startup packet was read. */
  get startup(): ClientStartup | null {
    return this.#machine.startup;
  }

  /** The client was closed: whatever is still under way is dropped. */
  stop(): void {
    this.#isOver = true;
    this.#attempt?.end();
    this.#attempt = null;
  }

  onData(chunk: Buffer): void {
    if (this.#packets !== null) this.#readPackets(this.#packets, chunk);
    else {
      this.#reader.push(chunk);
      if (this.#reader.unreadBytes > MAX_UNREAD_BYTES) this.#refuse('too many bytes during login');
    }
    if (this.#packets === null) this.#readMessages();
  }

  #readPackets(packets: StartupReader, chunk: Buffer): void {
    if (chunk[0] === TLS_HANDSHAKE && packets.bufferedBytes === 0 && this.#machine.maySpeakTls) {
      this.#encrypt(chunk);
      return;
    }
    const packet = packets.push(chunk);
    if (packet === null) return;
    if (packet.kind === 'startup') {
      this.#reader.push(Buffer.from(packets.rest()));
      this.#packets = null;
    } else if (packets.bufferedBytes > 0 && packet.kind !== 'invalid' && packet.kind !== 'cancel') {
      // Postgres: ProcessStartupPacket. What came with the request was not encrypted, and could be somebody else's.
      const name = packet.kind === 'ssl' ? 'SSL' : 'GSSAPI encryption';
      this.#refuse(`received unencrypted data after ${name} request`);
      return;
    }
    this.#take(this.#machine.packet(packet));
  }

  #readMessages(): void {
    const reader = this.#reader;
    while (!this.#isOver && !this.#isBusy && reader.next()) {
      if (reader.type !== Frontend.Password) {
        this.#refuse(`expected password response, got message type ${typeName(reader.type)}`);
      } else if (!reader.first || !reader.last) this.#refuse('authentication message too long');
      else this.#lookAt(Buffer.from(reader.buffer.subarray(reader.start + 5, reader.end)));
    }
    if (!this.#isOver && reader.error !== null) this.#refuse(reader.error);
  }

  #lookAt(password: Buffer): void {
    const attempt = this.#guessing.attempt(this.#machine.startup?.user ?? '', this.#machine.way.address);
    this.#attempt = attempt;
    const look = () => this.#machine.password(password);
    if (attempt.turn === null) this.#take(look());
    else this.#await(attempt.turn, look);
  }

  #take(step: ClientLoginStep): void {
    const attempt = this.#attempt;
    if (attempt !== null && step.kind !== 'derive') {
      this.#attempt = null;
      if (step.kind === 'fail' && step.error.code === 'auth_failed') {
        this.#await(attempt.failed(), () => step);
        return;
      }
      attempt.end();
    }
    switch (step.kind) {
      case 'send':
        this.#owner.stream.write(step.bytes);
        return;
      case 'encrypt':
        this.#owner.stream.write(AGREED);
        this.#encrypt(null);
        return;
      case 'derive':
        this.#await(saltPassword(step.password, step.salt, step.iterations), (salted) => this.#machine.derived(salted));
        return;
      case 'ask':
        this.#await(step.lookup.find(), (answer) => this.#machine.asked(answer));
        return;
      case 'cancel':
        this.#isOver = true;
        this.#owner.onCancelRequest(step.processId, step.key);
        return;
      case 'fail':
        this.#isOver = true;
        this.#owner.onLoginFailed(step.error, step.detail);
        return;
      case 'authenticated':
        this.#isOver = true;
        this.#owner.onLoginDone(step);
    }
  }

  /** direct: the begin of the handshake, which came without a request. Postgres: ProcessSSLStartup. */
  #encrypt(direct: Buffer | null): void {
    const acceptor = this.#acceptor();
    if (acceptor === null) {
      this.#refuse('encryption was switched off meanwhile');
      return;
    }
    this.#packets = new StartupReader();
    acceptor.encrypt(this.#owner.stream, direct === null ? null : Buffer.from(direct), (guest) => {
      if (this.#isOver) return;
      this.#machine.way = { ...this.#machine.way, tls: guest };
      if (direct !== null && !guest.hasAlpn)
        this.#refuse('direct SSL connection without ALPN: the client has to name "postgresql"');
    });
  }

  #await<T>(work: Promise<T>, next: (result: T) => ClientLoginStep): void {
    this.#isBusy = true;
    work
      .then((result) => {
        this.#isBusy = false;
        if (this.#isOver) return; // the client has gone meanwhile
        this.#take(next(result));
        this.#readMessages();
      })
      .catch((error: unknown) => this.#owner.onBug(error));
  }

  #refuse(what: string): void {
    this.#take({ kind: 'fail', error: poolerError('protocol_violation', what), detail: what });
  }
}
