// Applications that leak, or have leaked not long ago: who, with which statement, and what it has come to.

import type { LeakFacts } from './facts-of-leaks.ts';
import { type Finding, some, took } from './finding.ts';

/** So many leaks within a minute are no accident. */
const MANY_LEAKS = 3;

/** Those first that hold most. */
export function leakFindings(leaks: readonly LeakFacts[], wallNow: number): Finding[] {
  const findings = leaks.map((facts) => leakFinding(facts, wallNow));
  return findings.sort((a, b) => (b.held ?? 0) - (a.held ?? 0) || (b.leaks ?? 0) - (a.leaks ?? 0));
}

function leakFinding(facts: LeakFacts, wallNow: number): Finding {
  const { name, open, recent, reclaimed, held, causedMs, poolSize, statement, route } = facts;
  const isNow = open > 0 || recent > 0;
  const isBad = recent >= MANY_LEAKS || (open > 0 && facts.waiting > 0);
  const detail = [
    isNow
      ? `${some(recent, 'leak')} in the last minute`
      : `${some(facts.count, 'leak')}, the last one ${took(wallNow - facts.newestAt)} ago`,
    ...(held > 0 ? [`${held} of ${poolSize} servers held unused now`] : []),
    ...(reclaimed > 0 ? [`${reclaimed} taken back`] : []),
    ...(causedMs >= 1_000 ? [`others waited ${took(causedMs)} because of it`] : []),
  ];
  return {
    severity: isNow ? (isBad ? 'critical' : 'warning') : 'notice',
    code: 'leak',
    title: isNow ? `${name} leaks transactions` : `${name} has leaked transactions`,
    detail: detail.join(', '),
    advice:
      'Look for a path in the application that begins a transaction and then neither commits nor rolls back: an early return, an exception, a lost promise.',
    database: facts.database,
    user: facts.user,
    applicationName: facts.applicationName,
    ...(route !== null && { route }),
    ...(statement !== '' && { statement }),
    held,
    leaks: recent,
    reclaimed,
  };
}
