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
import { unseenRules } from './unseen.ts';

const rules = [
  sizeRules,
  accessRules,
  tlsRules,
  hostRules,
  timeRules,
  applicationRules,
  machineRules,
  unseenRules,
] as const;

export function findingsOf(facts: Facts): Finding[] {
  return sortFindings(rules.flatMap((rule) => rule(facts)));
}
