// SHOW ADVICE: what the size of each pool should be, and why. Ours: PgBouncer has no such table.

import type { AdviceRow } from '../observe/advice.ts';
import { int, table, text } from './table.ts';

const COLUMNS = [
  text<AdviceRow>('database', (row) => row.database),
  text<AdviceRow>('user', (row) => row.user),
  text<AdviceRow>('cause', ({ advice }) => advice.cause),
  int<AdviceRow>('pool_size', ({ advice }) => advice.poolSize),
  // NULL: too little was seen.
  int<AdviceRow>('size', ({ advice }) => advice.size),
  // Of the last minute alone.
  int<AdviceRow>('size_now', ({ advice }) => advice.sizeNow),
  int<AdviceRow>('size_without', ({ advice }) => advice.sizeWithout),
  text<AdviceRow>('confidence', ({ advice }) => advice.confidence),
  text<AdviceRow>('title', ({ advice }) => advice.title),
  text<AdviceRow>('arithmetic', ({ advice }) => advice.arithmetic),
  text<AdviceRow>('advice', ({ advice }) => advice.advice),
  text<AdviceRow>('change', ({ advice }) => advice.change),
];

export const showAdvice = table(COLUMNS, ({ snapshot }) => snapshot.advisor.rows(snapshot.pools, snapshot.now));
