// Arbitrary sequences of frontend messages that a client may send, for property tests: pipelined, failing, with copies.
import fc from 'fast-check';
import type { Outcome, Sent } from './postgres-model.ts';

const outcome = fc.constantFrom<Outcome>('rows', 'command', 'error', 'copy', 'broken copy', 'copy out', 'poison');
const fails = fc.integer({ min: 0, max: 5 }).map((n) => n === 0);

/** What follows a statement that may be a copy: data, with a Sync or a Flush that the copy ignores, and its end. */
const copyEnd: fc.Arbitrary<Sent[]> = fc
  .tuple(
    fc.array(
      fc.oneof(
        { weight: 4, arbitrary: fails.map((it): Sent => ({ type: 'd', fails: it })) },
        { weight: 1, arbitrary: fc.constantFrom<Sent>({ type: 'S' }, { type: 'H' }) },
      ),
      { maxLength: 4 },
    ),
    fc.constantFrom<Sent>({ type: 'c' }, { type: 'c' }, { type: 'f' }),
  )
  .map(([data, end]) => [...data, end]);

const copies = (statements: readonly string[]) => statements.filter((one) => one.endsWith('copy')).length;

const simple: fc.Arbitrary<Sent[]> = fc
  .tuple(fc.array(outcome, { maxLength: 3 }), fc.array(copyEnd, { minLength: 3, maxLength: 3 }))
  .map(([statements, ends]) => [{ type: 'Q', statements }, ...ends.slice(0, copies(statements)).flat()]);

/** Ours ask for rows at most. */
const ownQuery: fc.Arbitrary<Sent[]> = fc
  .array(fc.constantFrom<Outcome>('rows', 'command', 'error'), { maxLength: 3 })
  .map((statements) => [{ type: 'Q', statements, ours: true }]);

const earlySyncs = (count: number) => Array.from({ length: count }, (): Sent => ({ type: 'S' }));

const extended: fc.Arbitrary<Sent[]> = fc
  .record({
    statement: fc.oneof(outcome, fc.constantFrom('suspended' as const, 'empty' as const)),
    parseFails: fails,
    bindFails: fails,
    parseIsOurs: fc.boolean(),
    describes: fc.constantFrom('nothing', 'statement', 'portal'),
    closes: fails,
    // A driver that does not know that its statement is a copy sends Sync at once; the copy eats it.
    earlySyncs: fc.constantFrom(0, 0, 1, 2),
    end: copyEnd,
    lastSync: fc.constantFrom(true, true, false),
  })
  .map((it) => {
    const rows = it.statement === 'rows' || it.statement === 'suspended';
    const messages: Sent[] = [{ type: 'P', fails: it.parseFails, ours: it.parseIsOurs }];
    if (it.describes === 'statement') messages.push({ type: 'D', of: 'statement', rows });
    messages.push({ type: 'B', fails: it.bindFails });
    if (it.describes === 'portal') messages.push({ type: 'D', of: 'portal', rows });
    messages.push({ type: 'E', statement: it.statement });
    const data: Sent[] = copies([it.statement]) === 0 ? [] : [...earlySyncs(it.earlySyncs), ...it.end];
    messages.push(...data);
    // Whether the copy has eaten a Sync is not known when it fails: a client that goes on without another one is lost.
    const isClear = !data.some((message) => message.type === 'S');
    if (it.closes && isClear) messages.push({ type: 'C' });
    if (it.lastSync || !isClear) messages.push({ type: 'S' });
    return messages;
  });

const single: fc.Arbitrary<Sent[]> = fc
  .oneof(
    fc.constantFrom('S', 'H', 'C').map((type) => ({ type }) as Sent),
    fails.map((it): Sent => ({ type: 'F', fails: it })),
  )
  .map((message) => [message]);

/** With questions of the pooler itself among them; every copy has its end. */
export const frontendSequence: fc.Arbitrary<Sent[]> = fc
  .array(
    fc.oneof(
      { weight: 3, arbitrary: simple },
      { weight: 4, arbitrary: extended },
      { weight: 1, arbitrary: single },
      { weight: 1, arbitrary: ownQuery },
    ),
    { maxLength: 6 },
  )
  .map((units) => units.flat());
