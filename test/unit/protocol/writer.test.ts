// The messages that pgsluice writes itself, against builders and a decoder that share no code with it.
import { describe, expect, it } from 'vitest';
import { TxStatus, typeName } from '../../../src/protocol/message-types.ts';
import * as writer from '../../../src/protocol/writer.ts';
import { backend, decode } from '../../support/wire-backend.ts';
import * as build from '../../support/wire-messages.ts';

function read(bytes: Buffer) {
  expect(bytes.readInt32BE(1)).toBe(bytes.length - 1);
  return decode(bytes.toString('latin1', 0, 1), bytes.subarray(5));
}

describe('to a client', () => {
  it('writes the messages of a login', () => {
    const key = Buffer.alloc(32, 1);
    const nothing = Buffer.alloc(0);
    expect(writer.authentication(0, nothing)).toEqual(backend.authenticationOk());
    expect(writer.authentication(5, Buffer.from('salt'))).toEqual(backend.authenticationMd5(Buffer.from('salt')));
    expect(writer.authentication(12, Buffer.from('v=x'))).toEqual(backend.authenticationSaslFinal('v=x'));
    expect(writer.parameterStatus('TimeZone', 'Zürich')).toEqual(backend.parameterStatus('TimeZone', 'Zürich'));
    expect(writer.backendKeyData(-7, key)).toEqual(backend.backendKeyData(-7, key));
    expect(writer.negotiateProtocolVersion(0x30002, ['_pq_.a', '_pq_.b'])).toEqual(
      backend.negotiateProtocolVersion(0x30002, ['_pq_.a', '_pq_.b']),
    );
  });

  it('writes ReadyForQuery with each status', () => {
    expect(writer.readyForQuery(TxStatus.Idle)).toEqual(backend.readyForQuery('I'));
    expect(writer.readyForQuery(TxStatus.Transaction)).toEqual(backend.readyForQuery('T'));
    expect(writer.readyForQuery(TxStatus.Failed)).toEqual(backend.readyForQuery('E'));
  });

  it('writes rows: columns with their types, values as text, NULL apart from the empty text', () => {
    const { Text, Int8 } = writer.ColumnType;
    const columns = read(
      writer.rowDescription([
        { name: 'näme', type: Text },
        { name: 'n', type: Int8 },
      ]),
    ).columns;
    expect(columns).toEqual([
      { name: 'näme', typeOid: 25, format: 0 },
      { name: 'n', typeOid: 20, format: 0 },
    ]);
    expect(writer.rowDescription([{ name: 'a', type: Text }])).toEqual(backend.rowDescription(['a']));
    expect(writer.dataRow(['ü', '', null])).toEqual(backend.dataRow(['ü', '', null]));
    expect(writer.dataRow([])).toEqual(backend.dataRow([]));
    expect(writer.commandComplete('SHOW')).toEqual(backend.commandComplete('SHOW'));
  });
});

describe('to Postgres', () => {
  it('writes queries and what ends an exchange', () => {
    expect(writer.query('SELECT ’x’')).toEqual(build.query('SELECT ’x’'));
    expect(writer.query('')).toEqual(build.query(''));
    expect(writer.password(Buffer.from('pw\0'))).toEqual(build.password('pw'));
    expect(writer.sync()).toEqual(build.sync());
    expect(writer.terminate()).toEqual(build.terminate());
  });

  it('writes the packets that have no type byte', () => {
    const parameters = { user: 'ada', database: 'd', application_name: 'ü' };
    expect(writer.startupMessage(build.PROTOCOL_3_2, Object.entries(parameters))).toEqual(
      build.startup(parameters, build.PROTOCOL_3_2),
    );
    for (const length of [4, 32, 256]) {
      const key = Buffer.alloc(length, 3);
      expect(writer.cancelRequest(-1, key)).toEqual(build.cancelRequest(-1, key));
    }
  });
});

it('a zero byte in a text becomes a space, so that nothing behind it is read as a message of its own', () => {
  expect(writer.query('a\0Q')).toEqual(build.query('a Q'));
  expect(writer.parameterStatus('a\0', '\0b')).toEqual(backend.parameterStatus('a ', ' b'));
});

it('a type byte reads as its letter where it has one', () => {
  expect(['Q', '~', '!'].map((letter) => typeName(letter.charCodeAt(0)))).toEqual(["'Q'", "'~'", "'!'"]);
  expect([0, 0x0a, 0x20, 0x7f, 0xff].map(typeName)).toEqual(['0x00', '0x0a', '0x20', '0x7f', '0xff']);
});
