// A client's first packets: what they say, what the session is to have set, and who is turned away before a password.
import { describe, expect, it } from 'vitest';
import type { ClientStartup } from '../../../src/client/login.ts';
import { poolerError } from '../../../src/protocol/catalogue.ts';
import {
  cancelRequest,
  cstring,
  gssEncRequest,
  PROTOCOL_3_2,
  sslRequest,
  startup,
} from '../../support/wire-messages.ts';
import { failure, type Keeper, messages, Visit } from './visit.ts';

/** What is let in for these startup parameters; throws the problem otherwise. */
function wish(parameters: Record<string, string>, keeper: Keeper = {}): ClientStartup {
  const step = new Visit(keeper).packet(startup({ user: 'ada', ...parameters }));
  if (step.kind !== 'authenticated') throw new Error(step.kind === 'fail' ? step.error.message : step.kind);
  return step.startup;
}

const settings = (parameters: Record<string, string>, keeper: Keeper = {}) =>
  Object.fromEntries(wish(parameters, keeper).parameters.entries);

describe('the startup packet', () => {
  it('says who and where, and the rest is to be set', () => {
    expect(wish({ database: 'shop', TimeZone: 'UTC' })).toMatchObject({
      user: 'ada',
      database: 'shop',
      replication: null,
      minor: 0,
    });
    expect(settings({ database: 'shop', TimeZone: 'UTC', application_name: '' })).toEqual({
      timezone: 'UTC',
      application_name: '',
    });
  });

  it('without a database means the one named like the user', () => {
    expect(wish({}).database).toBe('ada');
    expect(wish({ database: '' }).database).toBe('ada');
  });

  it('without a user is refused before anybody is asked', () => {
    for (const parameters of [{}, { user: '' }, { database: 'shop' }] as Record<string, string>[]) {
      const visit = new Visit();
      expect(failure(visit.packet(startup(parameters)))).toMatch(/^28000: no PostgreSQL user name/);
      expect(visit.asked).toEqual([]);
      expect(visit.login.isStarted).toBe(false);
    }
  });

  it('tells who it is before the password is known', () => {
    const visit = new Visit({ admission: { ok: true, method: 'plain', secret: 'pencil' } });
    expect([visit.login.isStarted, visit.login.startup]).toEqual([false, null]);
    visit.packet(startup({ user: 'ada' }));
    expect([visit.login.isStarted, visit.login.startup?.user]).toEqual([true, 'ada']);
    expect(visit.asked.map((one) => one.user)).toEqual(['ada']);
  });
});

describe('options', () => {
  it('are settings like the others, and a parameter by itself wins over them wherever it stands', () => {
    expect(settings({ options: '-c a=1 --b-c=2' })).toEqual({ a: '1', b_c: '2' });
    expect(settings({ application_name: 'direct', options: '-c application_name=switch' })).toEqual({
      application_name: 'direct',
    });
    expect(settings({ options: '-c Application_Name=switch', application_name: 'direct' })).toEqual({
      application_name: 'direct',
    });
  });

  it('that are none are refused with the word', () => {
    expect(failure(new Visit().packet(startup({ user: 'ada', options: '-d 5' })))).toBe(
      '08P01: unsupported startup parameter in options: -d',
    );
  });

  it('are ignored as a whole, or one by one, where the configuration says so', () => {
    expect(settings({ options: '-d 5 nonsense', a: '1' }, { ignored: ['options'] })).toEqual({ a: '1' });
    expect(settings({ options: '-c a=1 -c b=2', c: '3', d: '4' }, { ignored: ['a', 'd'] })).toEqual({ b: '2', c: '3' });
  });
});

describe('replication', () => {
  it.each([
    ['database', 'logical'],
    ['true', 'physical'],
    ['ON', 'physical'],
    ['tr', 'physical'],
    ['ye', 'physical'],
    ['1', 'physical'],
    ['false', null],
    ['of', null],
    ['N', null],
    ['0', null],
  ])('%j means what Postgres makes of it', (value, expected) => {
    expect(wish({ replication: value }).replication).toBe(expected);
    expect(settings({ replication: value })).toEqual({});
  });

  it.each(['', 'o', 'DATABASE', 'truth', '10', 'onn'])('%j is refused', (value) => {
    expect(() => wish({ replication: value })).toThrow('invalid value for parameter "replication"');
  });
});

describe('a newer protocol', () => {
  const negotiated = (protocol: number, parameters: Record<string, string> = {}) => {
    const step = new Visit().packet(startup({ user: 'ada', ...parameters }, protocol));
    if (step.kind !== 'authenticated') throw new Error(step.kind);
    return { minor: step.startup.minor, sent: messages(step.bytes) };
  };

  it('is spoken as far as we know it, without a word', () => {
    for (const minor of [0, 1, 2]) {
      const { minor: agreed, sent } = negotiated(0x30000 + minor);
      expect([agreed, sent.map((one) => one.type)]).toEqual([minor, ['R']]);
    }
  });

  it('beyond that, or with options of its own, is negotiated before anything else is said', () => {
    const { minor, sent } = negotiated(0x3270f, { '_pq_.grease': 'x' });
    expect(minor).toBe(2);
    expect(sent).toMatchObject([
      { type: 'v', version: PROTOCOL_3_2, unknownOptions: ['_pq_.grease'] },
      { type: 'R', authType: 0 },
    ]);
    expect(negotiated(0x30000, { '_pq_.a': '' }).sent[0]).toMatchObject({
      version: 0x30000,
      unknownOptions: ['_pq_.a'],
    });
  });

  it('is negotiated once, in front of the request for a password', () => {
    const visit = new Visit({ admission: { ok: true, method: 'plain', secret: 'pencil' } });
    const request = visit.packet(startup({ user: 'ada' }, 0x30003));
    if (request.kind !== 'send') throw new Error(request.kind);
    expect(messages(request.bytes).map((one) => one.type)).toEqual(['v', 'R']);
    const step = visit.login.password(cstring('pencil'));
    if (step.kind !== 'authenticated') throw new Error(step.kind);
    expect(messages(step.bytes).map((one) => one.type)).toEqual(['R']);
  });
});

describe('a request for encryption', () => {
  it('is declined, and the startup packet may follow', () => {
    const visit = new Visit();
    for (const request of [sslRequest(), gssEncRequest()]) {
      expect(visit.packet(request)).toEqual({ kind: 'send', bytes: Buffer.from('N') });
    }
    expect(visit.packet(startup({ user: 'ada' })).kind).toBe('authenticated');
  });

  it('a third time is refused', () => {
    const visit = new Visit();
    visit.packet(sslRequest());
    visit.packet(sslRequest());
    expect(failure(visit.packet(sslRequest()))).toBe('08P01: too many encryption requests');
  });
});

it('a cancel request is passed on, whoever it is from', () => {
  const key = Buffer.from([1, 2, 3, 4]);
  expect(new Visit().packet(cancelRequest(7, key))).toEqual({ kind: 'cancel', processId: 7, key });
});

it('a packet that is none is answered with its own SQLSTATE', () => {
  expect(failure(new Visit().packet(startup({ user: 'ada' }, 0x20000)))).toMatch(
    /^0A000: unsupported frontend protocol 2/,
  );
  expect(failure(new Visit().packet(Buffer.from([0, 0, 0, 7])))).toMatch(/^08P01: invalid length/);
});

it('who is not admitted gets the reason, and no request for a password', () => {
  const error = poolerError('too_many_clients', '10');
  const step = new Visit({ admission: { ok: false, error } }).packet(startup({ user: 'ada' }));
  expect(step).toEqual({ kind: 'fail', error, detail: error.message });
});
