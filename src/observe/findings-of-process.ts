// What is wrong with the process itself, and what an operator has stopped.

import { printable } from '../guard/exhaustion.ts';
import type { PauseFacts, ProcessFacts } from './facts.ts';
import { type Finding, took } from './finding.ts';

const LATE_MS = 100;

export function processFindings({ bug, stall, lateMs }: ProcessFacts, wallNow: number): Finding[] {
  const findings: Finding[] = [];
  if (bug !== null)
    findings.push({
      severity: 'critical',
      code: 'bug',
      title: 'pgsluice met an error of its own',
      detail: bug.text,
      advice: 'Please report it, with the line "internal error" of the log.',
    });
  if (stall !== null)
    findings.push({
      severity: 'warning',
      code: 'stall',
      title: `The process stood still for ${took(stall.durationMs)}`,
      detail: `${took(wallNow - stall.at)} ago; no timeout counts that time`,
      advice: 'The machine or the container had no CPU for it: see its limits.',
    });
  if (lateMs >= LATE_MS)
    findings.push({
      severity: 'warning',
      code: 'loop_late',
      title: `The event loop is ${took(lateMs)} late (p99 of a minute)`,
      detail: 'Every query waits for it.',
      advice: 'The process has too little CPU: raise its limit, or workers.',
    });
  return findings;
}

export function pauseFindings({ state, paused }: PauseFacts): Finding[] {
  if (state !== 'running' && state !== 'paused')
    return [
      {
        severity: 'warning',
        code: 'closing',
        title: 'pgsluice is shutting down',
        detail: state.replaceAll('_', ' '),
        advice: 'It goes when nobody needs it any more, or when shutdown_timeout is over.',
      },
    ];
  if (state !== 'paused' && paused.length === 0) return [];
  return [
    {
      severity: 'warning',
      code: 'paused',
      title: state === 'paused' ? 'Everything is paused' : `Paused: ${paused.map(printable).join(', ')}`,
      detail: 'Clients wait until it is resumed.',
      advice: 'Resume it when what it was paused for is done.',
      ...(state !== 'paused' && paused.length === 1 && { database: paused[0]! }),
    },
  ];
}
