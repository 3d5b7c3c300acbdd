// All rules, in the order in which findings of one severity are told.
import type { Facts } from '../facts.ts';
import { type Finding, sortFindings } from '../finding.ts';
import { accessRules } from './access.ts';
import { applicationRules } from './application.ts';
import { hostRules } from './hosts.ts';
import { machineRules } from './machine.ts';
import { sizeRules } from './sizes.ts';
import { timeRules } from './times.ts';
import { tlsRules } from './tls.ts';

const rules = [sizeRules, accessRules, tlsRules, hostRules, timeRules, applicationRules, machineRules] as const;

export function findingsOf(facts: Facts): Finding[] {
  const findings = rules.flatMap((rule) => rule(facts));
  const unchecked = facts.unchecked.map(
    ({ about, why, how }): Finding => ({
      rule: 'unchecked',
      severity: 'unchecked',
      about,
      fact: why,
      consequence: 'Nothing is said about it.',
      change: how,
    }),
  );
  return sortFindings([...findings, ...unchecked]);
}
