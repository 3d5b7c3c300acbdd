// target_session_attrs: what a login makes of it, with servers that report what they are and with those that have to be asked.
import { describe, expect, test } from 'vitest';
import { ServerLogin, type ServerLoginStep } from '../../../src/server/login.ts';
import { RoleReader, type SessionAttrs } from '../../../src/server/session-attrs.ts';
import { backend } from '../../support/wire-backend.ts';

function loginFor(wanted: SessionAttrs): ServerLogin {
  return new ServerLogin({ user: 'a', database: 'b', parameters: new Map(), credentials: { password: null }, wanted });
}

function feed(login: ServerLogin, ...messages: Buffer[]): ServerLoginStep {
  let step: ServerLoginStep = { kind: 'wait' };
  for (const bytes of messages) step = login.next(bytes[0]!, bytes, 0, bytes.length);
  return step;
}

const said = (step: ServerLoginStep) => (step.kind === 'unfit' ? step.error.message : step.kind);

/** What each kind of server is to each wish, in the words of libpq. */
const cases: [SessionAttrs, string, string, string][] = [
  ['any', 'ready', 'ready', 'ready'],
  ['read-write', 'ready', 'session is read-only', 'session is read-only'],
  ['read-only', 'session is not read-only', 'ready', 'ready'],
  ['primary', 'ready', 'server is in hot standby mode', 'ready'],
  ['standby', 'server is not in hot standby mode', 'ready', 'server is not in hot standby mode'],
];

describe.each(cases)('%s', (wanted, onPrimary, onStandby, onReadOnly) => {
  test('of a server that reports what it is', () => {
    const roles = [
      ['off', 'off'],
      ['on', 'off'],
      ['off', 'on'],
    ] as const;
    const steps = roles.map(([standby, readOnly]) =>
      feed(
        loginFor(wanted),
        backend.authenticationOk(),
        backend.parameterStatus('in_hot_standby', standby),
        backend.parameterStatus('default_transaction_read_only', readOnly),
        backend.readyForQuery(),
      ),
    );
    expect(steps.map(said)).toEqual([onPrimary, onStandby, onReadOnly]);
  });

  test('of a server that has to be asked', () => {
    if (wanted === 'any') return;
    const steps = [
      ['f', 'off'],
      ['t', 'on'],
      ['f', 'on'],
    ].map((row) => {
      const login = loginFor(wanted);
      const question = feed(login, backend.authenticationOk(), backend.readyForQuery());
      expect(question.kind).toBe('send');
      return feed(
        login,
        backend.rowDescription(['a', 'b']),
        backend.dataRow(row),
        backend.commandComplete('SELECT 1'),
        backend.readyForQuery(),
      );
    });
    expect(steps.map(said)).toEqual([onPrimary, onStandby, onReadOnly]);
  });
});

test('a refusal can be waited out', () => {
  const login = loginFor('primary');
  const step = feed(
    login,
    backend.authenticationOk(),
    backend.parameterStatus('in_hot_standby', 'on'),
    backend.parameterStatus('default_transaction_read_only', 'off'),
    backend.readyForQuery(),
  );
  expect(step).toMatchObject({ kind: 'unfit', error: { severity: 'FATAL', sqlstate: '57P03' } });
});

test('a server that answers with nothing, or fails, is not taken', () => {
  for (const answer of [[backend.readyForQuery()], [backend.commandComplete('SELECT 0'), backend.readyForQuery()]]) {
    const login = loginFor('standby');
    feed(login, backend.authenticationOk(), backend.readyForQuery());
    expect(feed(login, ...answer)).toMatchObject({ kind: 'fail', error: { sqlstate: '08P01' } });
  }
  const login = loginFor('standby');
  feed(login, backend.authenticationOk(), backend.readyForQuery());
  expect(feed(login, backend.error({ C: '42501' }))).toMatchObject({ kind: 'fail', error: { sqlstate: '42501' } });
});

test('a row that is cut off is not read beyond its end', () => {
  const whole = backend.dataRow(['t', 'on']);
  for (let end = 0; end < whole.length; end += 1) {
    const reader = new RoleReader();
    reader.readRow(whole, 0, end);
    expect(reader.role).toBeNull();
  }
});
