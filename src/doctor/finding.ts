// What the doctor says: findings, and the exit code that they come to.

/** error: clients will be refused or cut off. warning: it will go wrong one day. unchecked: nobody could look. */
export type Severity = 'error' | 'warning' | 'note' | 'unchecked';

export interface Finding {
  /** Kebab-case, and the same from version to version: scripts may look for it. */
  readonly rule: string;
  readonly severity: Severity;
  /** What it is about: an entry of the configuration, a server, the machine. */
  readonly about: string;
  /** What is so, with its numbers. */
  readonly fact: string;
  readonly consequence: string;
  /** The line of YAML or SQL that repairs it, or how to check. */
  readonly change: string;
}

const ORDER: readonly Severity[] = ['error', 'warning', 'note', 'unchecked'];

/** The worst first; among equals the order of the rules. */
export function sortFindings(findings: readonly Finding[]): Finding[] {
  return [...findings].sort((a, b) => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity));
}

/** 3: an error. 2: a warning. 0: neither. 1 is left to a file that can't be used. */
export function exitCodeOf(findings: readonly Finding[]): 0 | 2 | 3 {
  if (findings.some(({ severity }) => severity === 'error')) return 3;
  return findings.some(({ severity }) => severity === 'warning') ? 2 : 0;
}

export function countOf(findings: readonly Finding[], severity: Severity): number {
  return findings.filter((finding) => finding.severity === severity).length;
}
