// Logging in to Postgres: from StartupMessage to the first ReadyForQuery, and every way in which a peer may spoil it.
import { describe, expect, it } from 'vitest';
import { readParameterStatus, ServerLogin, type ServerLoginStep } from '../../../src/server/login.ts';
import { backend } from '../../support/wire-backend.ts';
import { cstring, message, PROTOCOL_3_2, password, startup } from '../../support/wire-messages.ts';
import { salted, serverFinal } from '../auth/scram-peer.ts';

const key = Buffer.from([1, 2, 3, 4]);

function login(secret: string | null = 'pencil', parameters: Record<string, string> = {}): ServerLogin {
  return new ServerLogin({
    user: 'ada',
    database: 'shop',
    parameters: new Map(Object.entries(parameters)),
    credentials: { password: secret, nonce: () => 'ournonce' },
  });
}

/** Each message in turn, in the middle of others as in a chunk; the last step. */
function feed(machine: ServerLogin, ...messages: Buffer[]): ServerLoginStep {
  let step: ServerLoginStep = { kind: 'wait' };
  for (const bytes of messages) {
    const chunk = Buffer.concat([Buffer.from('before\0'), bytes, Buffer.from('after\0\0')]);
    step = machine.next(bytes[0]!, chunk, 7, 7 + bytes.length);
    chunk.fill(0xff); // whoever keeps bytes has to copy them
  }
  return step;
}

function failure(step: ServerLoginStep): string {
  return step.kind === 'fail' ? `${step.error.sqlstate}: ${step.error.message}` : `no failure: ${step.kind}`;
}

const ready = [backend.authenticationOk(), backend.backendKeyData(7, key), backend.readyForQuery()];

describe('a login', () => {
  it('begins with protocol 3.2, the user, the database and what is to be set', () => {
    expect(login('', { replication: 'database', timezone: 'UTC' }).begin()).toEqual(
      startup({ user: 'ada', database: 'shop', replication: 'database', timezone: 'UTC' }, PROTOCOL_3_2),
    );
  });

  it('is done at ReadyForQuery, and has gathered what the server said of itself', () => {
    const machine = login();
    expect(feed(machine, backend.authenticationOk())).toEqual({ kind: 'wait' });
    expect(
      feed(
        machine,
        backend.parameterStatus('TimeZone', 'Zürich'),
        backend.parameterStatus('empty', ''),
        backend.notice({ M: 'hello' }),
        backend.backendKeyData(-3, key),
      ),
    ).toEqual({ kind: 'wait' });
    expect(feed(machine, backend.readyForQuery())).toEqual({ kind: 'ready' });
    expect([machine.processId, machine.cancelKey]).toEqual([-3, key]);
    expect(machine.reported).toEqual(new Map(Object.entries({ TimeZone: 'Zürich', empty: '' })));
  });

  it('may do without a key, and the key may be of any length that the protocol has', () => {
    const machine = login();
    expect(feed(machine, backend.authenticationOk(), backend.readyForQuery()).kind).toBe('ready');
    expect(machine.cancelKey).toHaveLength(0);
    for (const length of [4, 32, 256]) {
      const other = login();
      feed(other, backend.authenticationOk(), backend.backendKeyData(1, Buffer.alloc(length, 9)));
      expect(other.cancelKey).toEqual(Buffer.alloc(length, 9));
    }
  });

  it('goes on with an older server, which negotiates first', () => {
    const negotiation = backend.negotiateProtocolVersion(0x30000, []);
    expect(feed(login(), negotiation, ...ready)).toEqual({ kind: 'ready' });
  });
});

describe('the password', () => {
  it('is sent when it is asked for', () => {
    const machine = login();
    expect(feed(machine, backend.authenticationCleartext())).toEqual({ kind: 'send', bytes: password('pencil') });
    expect(feed(machine, ...ready)).toEqual({ kind: 'ready' });
  });

  it('is proven by SCRAM, and so is the server', () => {
    const machine = login();
    const first = feed(machine, backend.authenticationSasl('SCRAM-SHA-256'));
    expect(first).toMatchObject({ kind: 'send' });
    const serverFirst = 'r=ournonceTHEIRS,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=64';
    const derive = feed(machine, backend.authenticationSaslContinue(serverFirst));
    if (derive.kind !== 'derive') throw new Error(derive.kind);
    const final = machine.derived(salted(derive.password, derive.salt, derive.iterations));
    if (final.kind !== 'send') throw new Error(final.kind);
    const text = final.bytes.subarray(5).toString();
    const signature = serverFinal('pencil', 'n=,r=ournonce', serverFirst, text);
    expect(feed(machine, backend.authenticationSaslFinal(signature))).toEqual({ kind: 'wait' });
    expect(feed(machine, ...ready)).toEqual({ kind: 'ready' });
  });

  it('that is missing, or asked for in a way that is not known, fails the login', () => {
    expect(failure(feed(login(null), backend.authenticationCleartext()))).toMatch(/^28000: .*password/);
    expect(failure(feed(login(), message('R', Buffer.from([0, 0, 0, 7]))))).toMatch(/^28000: .*GSSAPI/);
  });
});

describe('a server that does not let us in', () => {
  it('says why, and its own error is passed on', () => {
    const error = { S: 'FATAL', V: 'FATAL', C: '28P01', M: 'no', D: 'd' };
    expect(feed(login(), backend.error(error))).toEqual({
      kind: 'fail',
      error: { severity: 'FATAL', sqlstate: '28P01', message: 'no', detail: 'd' },
    });
    expect(failure(feed(login(), backend.authenticationOk(), backend.error({ ...error, C: '3D000' })))).toBe(
      '3D000: no',
    );
  });
});

describe('a server that breaks the protocol', () => {
  it.each([
    ['ReadyForQuery first', [backend.readyForQuery()], 'ReadyForQuery before authentication'],
    ['a row', [backend.dataRow(['1'])], "unexpected message 'D' during login"],
    ['an unknown type', [message('\0')], 'unexpected message 0x00 during login'],
    ['a second AuthenticationOk', [backend.authenticationOk(), backend.authenticationOk()], 'after login'],
    ['an Authentication without a code', [message('R', Buffer.alloc(3))], 'invalid Authentication message'],
    ['a key of 3 bytes', [backend.backendKeyData(1, Buffer.alloc(3))], 'invalid BackendKeyData'],
    ['a key of 257 bytes', [backend.backendKeyData(1, Buffer.alloc(257))], 'invalid BackendKeyData'],
    ['an empty BackendKeyData', [message('K')], 'invalid BackendKeyData'],
  ])('by %s is left', (_, messages, words) => {
    const text = failure(feed(login(), ...messages));
    expect(text).toMatch(/^08P01: /);
    expect(text).toContain(words);
  });

  it('by a parameter that is cut short is not believed, and goes on', () => {
    for (const body of [Buffer.alloc(0), Buffer.from('name'), cstring('name'), Buffer.from('name\0value')]) {
      const machine = login();
      expect(feed(machine, message('S', body))).toEqual({ kind: 'wait' });
      expect(machine.reported.size).toBe(0);
    }
  });
});

it('a parameter is read where it lies, and never beyond its end', () => {
  const bytes = backend.parameterStatus('näme', 'välue');
  const chunk = Buffer.concat([bytes, bytes]);
  expect(readParameterStatus(chunk, bytes.length, chunk.length)).toEqual(['näme', 'välue']);
  for (let end = 5; end < bytes.length; end += 1) expect(readParameterStatus(chunk, 0, end), `${end}`).toBeNull();
});
