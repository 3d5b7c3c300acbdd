// The doctor's findings as text for people, and as JSON.
import { countOf, exitCodeOf, type Finding } from './finding.ts';

export function reportText(file: string, findings: readonly Finding[]): string {
  const parts = findings.map(
    ({ severity, rule, about, fact, consequence, change }) =>
      `${severity}: ${about} [${rule}]\n  ${fact}.\n  ${consequence}\n  ${severity === 'unchecked' ? 'check' : 'change'}: ${change}\n`,
  );
  return [...parts, `${file}: ${summary(findings)}\n`].join('\n');
}

export function reportJson(file: string, findings: readonly Finding[]): string {
  return `${JSON.stringify({ file, exit_code: exitCodeOf(findings), findings }, null, 2)}\n`;
}

function summary(findings: readonly Finding[]): string {
  const count = (severity: Finding['severity'], one: string, more: string) => {
    const n = countOf(findings, severity);
    return n === 0 ? [] : [`${n} ${n === 1 ? one : more}`];
  };
  const counts = [
    ...count('error', 'error', 'errors'),
    ...count('warning', 'warning', 'warnings'),
    ...count('note', 'note', 'notes'),
    ...count('unchecked', 'thing could not be checked', 'things could not be checked'),
  ];
  return counts.length === 0 ? 'nothing to say: settings, Postgres and machine fit together' : counts.join(', ');
}
