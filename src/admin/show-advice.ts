// SHOW ADVICE: what the size of each pool should be, and why. Ours: PgBouncer has no such table.

import { type AdviceRow, adviceOfAll } from '../observe/advice.ts';
import type { MeasuredRow } from '../observe/team.ts';
import type { Answers, Row } from './merge.ts';
import type { ShowContext } from './show-context.ts';
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

/** A worker tells what it has measured; what is to be done about it is found in all of that. */
function tell({ snapshot: { advisor, pools, now } }: ShowContext): Row[] {
  return advisor.told(pools, now).map((row) => [JSON.stringify(row)]);
}

function merge(answers: Answers): Row[] {
  const told = answers.map(({ answer }) => answer.map(([json]) => JSON.parse(String(json)) as MeasuredRow));
  return adviceOfAll(told).map((row) => COLUMNS.map((column) => column.value(row)));
}

export const showAdvice = table(COLUMNS, ({ snapshot }) => snapshot.advisor.rows(snapshot.pools, snapshot.now), {
  kind: 'own',
  tell,
  merge,
});
