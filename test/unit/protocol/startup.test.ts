// The first packet of a connection: each kind, each way to get it wrong, and the switches in `options`.
import { describe, expect, it, test } from 'vitest';
import { parseOptions, type StartupPacket, StartupReader } from '../../../src/protocol/startup.ts';
import {
  cancelRequest,
  cstring,
  gssEncRequest,
  int32,
  PROTOCOL_3_2,
  sslRequest,
  startup,
  startupPacket,
} from '../../support/wire-messages.ts';

function read(...chunks: Buffer[]): StartupPacket | null {
  const reader = new StartupReader();
  let packet: StartupPacket | null = null;
  for (const chunk of chunks) packet = reader.push(chunk);
  return packet;
}

function problem(packet: StartupPacket | null): string {
  return packet?.kind === 'invalid' ? packet.problem : `no problem, ${packet?.kind}`;
}

describe('a startup packet', () => {
  it('gives the parameters in their order', () => {
    const packet = read(startup({ user: 'ada', database: 'böse', application_name: '' }));
    expect(packet).toMatchObject({ kind: 'startup', minor: 0, options: [] });
    expect([...(packet as Extract<StartupPacket, { kind: 'startup' }>).parameters]).toEqual([
      ['user', 'ada'],
      ['database', 'böse'],
      ['application_name', ''],
    ]);
  });

  it('of a newer minor version names it, and the options of the protocol apart', () => {
    const packet = read(startup({ user: 'ada', '_pq_.grease': 'x', '_pq_.': '' }, PROTOCOL_3_2));
    expect(packet).toMatchObject({ kind: 'startup', minor: 2, options: ['_pq_.grease', '_pq_.'] });
    expect(packet).toHaveProperty('parameters', new Map([['user', 'ada']]));
    expect(read(startup({ user: 'ada' }, 0x0003_270f))).toMatchObject({ minor: 9999 });
  });

  it('may come byte by byte, and with the next messages behind it', () => {
    const bytes = startup({ user: 'ada' });
    const reader = new StartupReader();
    for (const byte of bytes.subarray(0, -1)) expect(reader.push(Buffer.from([byte]))).toBeNull();
    expect(reader.bufferedBytes).toBe(bytes.length - 1);
    expect(reader.push(Buffer.from([0, 1, 2, 3]))).toMatchObject({ kind: 'startup' });
    expect(reader.bufferedBytes).toBe(3);
    expect(reader.rest()).toEqual(Buffer.from([1, 2, 3]));
    expect(reader.rest()).toHaveLength(0);
  });

  it('may follow a request for encryption', () => {
    const reader = new StartupReader();
    expect(reader.push(sslRequest())).toEqual({ kind: 'ssl' });
    expect(reader.push(gssEncRequest())).toEqual({ kind: 'gssenc' });
    expect(reader.push(startup({ user: 'ada' }))).toMatchObject({ kind: 'startup' });
  });

  it.each([
    ['no terminator', startupPacket(0x0003_0000, cstring('user'), cstring('ada'))],
    ['a name without a value', startupPacket(0x0003_0000, cstring('user'), Buffer.from([0]))],
    ['a value without its end', startupPacket(0x0003_0000, cstring('user'), Buffer.from('ada'))],
    ['a name without its end', startupPacket(0x0003_0000, Buffer.from('user'))],
    ['bytes behind the terminator', startupPacket(0x0003_0000, cstring('user'), cstring('ada'), Buffer.from([0, 0]))],
    ['nothing at all', startupPacket(0x0003_0000)],
  ])('with %s is refused as Postgres does', (_, bytes) => {
    expect(read(bytes)).toEqual({
      kind: 'invalid',
      problem: 'invalid startup packet layout: expected terminator as last byte',
      sqlstate: '08P01',
    });
  });

  it('without parameters is one without a user, not a broken one', () => {
    expect(read(startupPacket(0x0003_0000, Buffer.from([0])))).toMatchObject({
      kind: 'startup',
      parameters: new Map(),
    });
  });

  it('of another major version is refused, with the feature’s own SQLSTATE', () => {
    expect(read(startup({ user: 'ada' }, 0x0002_0000))).toMatchObject({
      kind: 'invalid',
      sqlstate: '0A000',
      problem: 'unsupported frontend protocol 2.0: server supports 3.0 to 3.2',
    });
    expect(problem(read(startup({ user: 'ada' }, 0xffff_0001)))).toContain('65535.1');
  });

  it('is refused by its length before it is read', () => {
    for (const length of [-1, 0, 4, 7, 10_001, 2 ** 31 - 1, 2 ** 31]) {
      expect(problem(read(int32(length))), `${length}`).toBe('invalid length of startup packet');
    }
    expect(read(int32(8))).toBeNull();
    expect(read(int32(10_000))).toBeNull();
    expect(read(Buffer.from('GET / HTTP/1.1\r\n'))).toMatchObject({ kind: 'invalid', sqlstate: '08P01' });
  });
});

describe('a cancel request', () => {
  it('has a key of 4 to 256 bytes', () => {
    for (const length of [4, 32, 256]) {
      const key = Buffer.alloc(length, 7);
      expect(read(cancelRequest(-5, key))).toEqual({ kind: 'cancel', processId: -5, key });
    }
    for (const length of [0, 3, 257]) {
      expect(problem(read(cancelRequest(1, Buffer.alloc(length))))).toBe('invalid length of cancel request');
    }
    expect(problem(read(startupPacket(80877102)))).toBe('invalid length of cancel request');
  });
});

test('a request for encryption with something in it is refused', () => {
  expect(problem(read(startupPacket(80877103, int32(0))))).toBe('invalid length of SSL request');
  expect(problem(read(startupPacket(80877104, int32(0))))).toBe('invalid length of GSSAPI encryption request');
});

describe('the switches in options', () => {
  it.each([
    ['', []],
    ['   ', []],
    ['-c a=1', ['a=1']],
    ['-ca=1', ['a=1']],
    ['--a=1', ['a=1']],
    ['--work-mem=1MB -c search-path=x-y', ['work_mem=1MB', 'search_path=x-y']],
    ['  -c\ta=1\n-c\r\fb=2\v', ['a=1', 'b=2']],
    ['-c a=1 -c a=2', ['a=2']],
    ['-c a=', ['a=']],
    ['-c a==', ['a==']],
    ['-c a=b=c', ['a=b=c']],
    ['-c my.own=1 --my.other=2', ['my.own=1', 'my.other=2']],
    ['-c a=b\\ c', ['a=b c']],
    ['-c a=b\\\\c', ['a=b\\c']],
    ['-c a=\\b', ['a=b']],
    ['-c a=b\\', ['a=b']],
    ['-c a=\\\\\\ b', ['a=\\ b']],
    ['\\-c a=1', ['a=1']],
    ['-c --a=1', ['__a=1']],
    // Only what isspace() says in the C locale parts words.
    ['-c a=b\u00a0c\u2003d', ['a=b\u00a0c\u2003d']],
  ])('%j set what Postgres would set', (text, expected) => {
    const parsed = parseOptions(text);
    if (!parsed.ok) throw new Error(parsed.problem);
    expect([...parsed.parameters].map(([name, value]) => `${name}=${value}`)).toEqual(expected);
  });

  it.each([
    ['-c', '-c'],
    ['-c a=1 -c', '-c'],
    ['-c a', '-c'],
    ['-c =', '-c'],
    ['-c =1', '-c'],
    ['-c=', '-c='],
    ['-c=1', '-c=1'],
    ['--', '--'],
    ['--a', '--a'],
    ['--a 1', '--a'],
    ['--=1', '--=1'],
    ['a=1', 'a=1'],
    ['-d 5', '-d'],
    ['-e', '-e'],
    ['-c a = 1', '-c'],
    ['\\', ''],
  ])('%j are refused, and the message names the word', (text, word) => {
    expect(parseOptions(text)).toEqual({ ok: false, problem: `unsupported startup parameter in options: ${word}` });
  });
});
