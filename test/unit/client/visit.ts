// A client's login with a gatekeeper that lets in or turns away as told: for the tests of the login.
import { type Admission, ClientLogin, type ClientLoginStep, type ClientStartup } from '../../../src/client/login.ts';
import { StartupReader } from '../../../src/protocol/startup.ts';
import { type BackendMessage, decode } from '../../support/wire-backend.ts';

const LET_IN: Admission = { ok: true, method: 'trust', secret: 'pencil' };

export interface Keeper {
  admission?: Admission;
  ignored?: readonly string[];
  offersTls?: boolean;
}

export class Visit {
  readonly asked: ClientStartup[] = [];
  readonly login: ClientLogin;

  constructor({ admission = LET_IN, ignored = [], offersTls = false }: Keeper = {}) {
    this.login = new ClientLogin(
      {
        admit: (wish) => {
          this.asked.push(wish);
          return admission;
        },
        offersTls,
        strangersGet: 'md5',
        ignoresParameter: (name) => ignored.includes(name),
      },
      { address: '127.0.0.1', tls: null },
    );
  }

  packet(bytes: Buffer): ClientLoginStep {
    return this.login.packet(new StartupReader().push(bytes)!);
  }
}

export function failure(step: ClientLoginStep): string {
  return step.kind === 'fail' ? `${step.error.sqlstate}: ${step.error.message}` : `no failure: ${step.kind}`;
}

/** The messages in these bytes. */
export function messages(bytes: Buffer) {
  const found: BackendMessage[] = [];
  for (let at = 0; at < bytes.length; at += 1 + bytes.readInt32BE(at + 1)) {
    found.push(
      decode(bytes.toString('latin1', at, at + 1), bytes.subarray(at + 5, at + 1 + bytes.readInt32BE(at + 1))),
    );
  }
  return found;
}
