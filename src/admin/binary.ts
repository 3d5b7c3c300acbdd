// Values of the console in the binary format, which drivers may ask for. Postgres: the send functions of these types.

import { type Column, ColumnType, int16, int32 } from '../protocol/writer.ts';

/** text: a value as the tables of the console have it. */
export function toBinary({ type }: Column, text: string): Buffer {
  switch (type) {
    case ColumnType.Int4:
      return int32(Number(text));
    case ColumnType.Int8:
      return int8(BigInt(text));
    case ColumnType.Numeric:
      return wholeNumeric(BigInt(text));
    default:
      return Buffer.from(text, 'utf8');
  }
}

function int8(value: bigint): Buffer {
  const out = Buffer.allocUnsafe(8);
  out.writeBigInt64BE(value);
  return out;
}

/** Postgres: numeric_send. Digits of base 10000, the first one of weight `weight`. */
const BASE = 10_000n;
const NEGATIVE = 0x4000;

function wholeNumeric(value: bigint): Buffer {
  const digits: number[] = [];
  for (let rest = value < 0n ? -value : value; rest > 0n; rest /= BASE) digits.unshift(Number(rest % BASE));
  const weight = digits.length - 1;
  while (digits.at(-1) === 0) digits.pop();
  const head = [digits.length, Math.max(weight, 0), value < 0n ? NEGATIVE : 0, 0];
  return Buffer.concat([...head, ...digits].map(int16));
}
