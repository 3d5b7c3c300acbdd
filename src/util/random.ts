// Random bytes that nobody can guess, a few at a time: a call of the system for each costs more than all else about a cancel key.

import { randomFillSync } from 'node:crypto';

const STOCK_BYTES = 8_192;
const stock = Buffer.allocUnsafeSlow(STOCK_BYTES);
let taken = STOCK_BYTES;

/** length: at most 8,192. No byte is given twice, and what was given is wiped here. */
export function randomKey(length: number): Buffer {
  if (taken + length > STOCK_BYTES) {
    randomFillSync(stock);
    taken = 0;
  }
  const key = Buffer.from(stock.subarray(taken, taken + length));
  stock.fill(0, taken, taken + length);
  taken += length;
  return key;
}
