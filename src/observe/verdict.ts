// Is it well, and if not, who? What is wrong at one moment, worst first, in sentences.

import type { Finding, Severity, VerdictParts } from './finding.ts';
import { leakFindings } from './findings-of-leaks.ts';
import { poolFindings } from './findings-of-pools.ts';
import { pauseFindings, processFindings } from './findings-of-process.ts';

const RANK: Readonly<Record<Severity, number>> = { critical: 0, warning: 1, notice: 2 };

/** Worst first; of one severity in the order of what explains the others. */
export function findingsOf(parts: VerdictParts): readonly Finding[] {
  const { login, others } = poolFindings(parts);
  const findings = [...login, ...leakFindings(parts), ...others, ...processFindings(parts), ...pauseFindings(parts)];
  return findings.sort((a, b) => RANK[a.severity] - RANK[b.severity]);
}
