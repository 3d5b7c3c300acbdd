// Carries out a server's login: gives the login machine what comes in, and does what its steps say.

import { saltPassword } from '../auth/pbkdf2.ts';
import type { Stream } from '../net/stream.ts';
import type { ErrorFields } from '../protocol/error-fields.ts';
import type { FrameReader } from '../protocol/frame-reader.ts';
import type { ServerLogin, ServerLoginStep } from './login.ts';
import { ServerState } from './states.ts';

/** The server that logs in. */
export interface ServerToLogIn {
  readonly state: ServerState;
  readonly stream: Stream;
  /** It may be used: what comes next is no login any more. */
  onLoginReady(login: ServerLogin): void;
  /** It was let in, and is not what was wanted. */
  onLoginUnfit(error: ErrorFields): void;
  onLoginFailed(error: ErrorFields): void;
  onBug(error: unknown): void;
}

export class LoginRun {
  readonly #login: ServerLogin;
  readonly #server: ServerToLogIn;
  #isOver = false;

  constructor(login: ServerLogin, server: ServerToLogIn) {
    this.#login = login;
    this.#server = server;
  }

  /** The startup packet may be sent. The server may not have its stream yet. */
  begin(stream: Stream): void {
    this.#login.tls = stream.tls === '' ? null : { endPointHash: stream.peerEndPointHash };
    stream.write(this.#login.begin());
  }

  /** Reads up to the end of the login, or of what has come. Every message is small and read whole. */
  read(reader: FrameReader): void {
    while (!this.#isOver && reader.next()) {
      const { type, buffer, start, end, first, last } = reader;
      if (!first || !last) {
        this.#fail('login message too long');
        return;
      }
      this.#do(this.#login.next(type, buffer, start, end));
    }
    if (reader.error !== null) this.#fail(reader.error);
  }

  #do(step: ServerLoginStep): void {
    switch (step.kind) {
      case 'wait':
        return;
      case 'send':
        this.#server.stream.write(step.bytes);
        return;
      case 'derive':
        saltPassword(step.password, step.salt, step.iterations)
          .then((salted) => {
            if (this.#server.state !== ServerState.Closed) this.#do(this.#login.derived(salted));
          })
          .catch((error: unknown) => this.#server.onBug(error));
        return;
      case 'fail':
        this.#server.onLoginFailed(step.error);
        return;
      case 'ready':
        this.#isOver = true;
        this.#server.onLoginReady(this.#login);
        return;
      case 'unfit':
        this.#isOver = true;
        this.#server.onLoginUnfit(step.error);
    }
  }

  #fail(message: string): void {
    this.#server.onLoginFailed({ severity: 'FATAL', sqlstate: '08P01', message });
  }
}
