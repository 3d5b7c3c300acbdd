// Is it well, and if not, who? What is wrong at one moment, worst first, in sentences.

import type { VerdictFacts } from './facts.ts';
import type { Finding, Severity } from './finding.ts';
import { leakFindings } from './findings-of-leaks.ts';
import { poolFindings } from './findings-of-pools.ts';
import { pauseFindings, processFindings } from './findings-of-process.ts';

const RANK: Readonly<Record<Severity, number>> = { critical: 0, warning: 1, notice: 2 };

/** Worst first; of one severity in the order of what explains the others. */
export function findingsOf({ wallNow, pools, leaks, process, pause }: VerdictFacts): readonly Finding[] {
  const { login, others } = poolFindings(pools);
  const findings = [
    ...login,
    ...leakFindings(leaks, wallNow),
    ...others,
    ...processFindings(process, wallNow),
    ...pauseFindings(pause),
  ];
  return findings.sort((a, b) => RANK[a.severity] - RANK[b.severity]);
}
