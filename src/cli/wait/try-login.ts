// One login as a client, in the clear: whether somebody answers who lets clients in.
import { lookup } from 'node:dns';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { saltPassword } from '../../auth/pbkdf2.ts';
import { dial } from '../../net/dial.ts';
import { terminate } from '../../protocol/writer.ts';
import { ServerLogin, type ServerLoginStep } from '../../server/login.ts';

export interface LoginWish {
  /** Name, address, directory of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  /** null: being asked for one is enough. */
  readonly password: string | null;
}

/** A login has no larger message. */
const MAX_MESSAGE_BYTES = 65_536;
const AUTHENTICATION = 0x52;
/** Class 57: it goes down or is not up yet. Class 53: it is full. */
const AWAY = /^5[37]/;

/** null: it works; else why it doesn't. Rejects when there is no connection. */
export async function tryLogin(wish: LoginWish, timeoutMs: number): Promise<string | null> {
  const { host, port, user, database, password } = wish;
  const socket = dial({ host, port }, lookup);
  const deadline = setTimeout(() => socket.destroy(new Error(`no answer after ${timeoutMs} ms`)), timeoutMs);
  try {
    await once(socket, 'connect');
    const login = new ServerLogin({ user, database, parameters: new Map(), credentials: { password } });
    socket.write(login.begin());
    return await converse(socket, login, password === null);
  } finally {
    clearTimeout(deadline);
    if (socket.writable) socket.end(terminate());
    socket.destroySoon();
  }
}

/** isAskingEnough: without a password all that can be seen is that somebody asks for one, or refuses this client only. */
async function converse(socket: Socket, login: ServerLogin, isAskingEnough: boolean): Promise<string | null> {
  for await (const { type, message } of messagesOf(socket)) {
    const asks = type === AUTHENTICATION && message.readInt32BE(5) !== 0;
    if (isAskingEnough && asks) return null;
    let step: ServerLoginStep = login.next(type, message, 0, message.length);
    if (step.kind === 'derive') step = login.derived(await saltPassword(step.password, step.salt, step.iterations));
    if (step.kind === 'send') socket.write(step.bytes);
    if (step.kind === 'ready') return null;
    if (step.kind === 'fail') {
      const { sqlstate, message: text } = step.error;
      return isAskingEnough && !AWAY.test(sqlstate) ? null : `${text} (${sqlstate})`;
    }
  }
  return 'the connection was closed during the login';
}

async function* messagesOf(socket: Socket): AsyncGenerator<{ readonly type: number; readonly message: Buffer }> {
  let bytes: Buffer = Buffer.alloc(0);
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    bytes = Buffer.concat([bytes, chunk]);
    while (bytes.length >= 5) {
      const length = bytes.readUInt32BE(1) + 1;
      if (length < 5 || length > MAX_MESSAGE_BYTES) throw new Error('what answers there is no Postgres');
      if (bytes.length < length) break;
      const message = bytes.subarray(0, length);
      if (message[0] === AUTHENTICATION && length < 9) throw new Error('what answers there is no Postgres');
      bytes = bytes.subarray(length);
      yield { type: message[0]!, message };
    }
  }
}
