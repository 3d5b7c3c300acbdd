// What the transactions of a run come to: per second, and over the window.
import { RETURNED } from '../../src/cli/demo/players.ts';
import type { Attempt } from '../../src/cli/demo/stage.ts';
import type { Played } from './play.ts';

export interface Second {
  /** Counted from the beginning of the window. */
  readonly at: number;
  readonly goodput: number;
  /** ms, of those that finished and of those that waited the whole second; null: there were none. */
  readonly p50: number | null;
  readonly p99: number | null;
}

export interface GroupFigures {
  readonly done: number;
  /** Failed behind their first statement. */
  readonly killed: number;
  /** Failed before it. */
  readonly refused: number;
  /** Begun in the window and not over at the end. */
  readonly unfinished: number;
}

export interface Figures {
  readonly seconds: readonly Second[];
  /** Transactions a second of the healthy applications without trouble. */
  readonly calm: number;
  /** Shares of that, in the window and in its second half. */
  readonly kept: number;
  readonly keptLate: number;
  readonly p50: number | null;
  readonly p99: number | null;
  /** ms, with those that were not over at the end of the window. */
  readonly longest: number;
  /** By group, of what began in the window. */
  readonly groups: Readonly<Record<string, GroupFigures>>;
  /** By SQLSTATE, in the window and behind it. */
  readonly errors: Readonly<Record<string, number>>;
  /** ms from the first leak. */
  readonly firstAlert: number | null;
  /** In the log line of a leak, and in the DETAIL of errors: right / all. */
  readonly namedInLog: readonly [number, number];
  readonly namedInErrors: readonly [number, number];
  /** ms from a restart of Postgres to the first success. */
  readonly recoveries: readonly number[];
  /** Healthy goodput by group as a share of its own without trouble. */
  readonly keptByGroup: Readonly<Record<string, number>>;
}

export function percentile(numbers: readonly number[], share: number): number | null {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? null;
}

const isGood = ({ outcome }: Attempt) => outcome === 'ok' || outcome === 'left';

function bySecond(healthy: readonly Attempt[], { marks }: Played): Second[] {
  const first = Math.round((marks.warm - marks.window) / 1_000);
  const last = Math.floor((marks.end - marks.window) / 1_000);
  return Array.from({ length: Math.max(0, last - first) }, (_, i) => {
    const from = marks.window + (first + i) * 1_000;
    const to = from + 1_000;
    const good = healthy.filter(({ end, outcome }) => outcome === 'ok' && end! >= from && end! < to);
    const stuck = healthy.filter(({ start, end }) => start < from && (end === null || end >= to));
    const times = [...good.map(({ start, end }) => end! - start), ...stuck.map(({ start }) => to - start)];
    return { at: first + i, goodput: good.length, p50: percentile(times, 0.5), p99: percentile(times, 0.99) };
  });
}

function rate(attempts: readonly Attempt[], from: number, to: number): number {
  const good = attempts.filter(({ end, outcome }) => outcome === 'ok' && end! >= from && end! < to);
  return (good.length * 1_000) / (to - from);
}

function groupFigures(attempts: readonly Attempt[]): GroupFigures {
  const failed = attempts.filter((one) => one.outcome !== null && !isGood(one));
  return {
    done: attempts.filter(isGood).length,
    killed: failed.filter(({ steps }) => steps > 0).length,
    refused: failed.filter(({ steps }) => steps === 0).length,
    unfinished: attempts.filter(({ outcome }) => outcome === null).length,
  };
}

function count(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}

/** How many of these texts name the culprit. */
function named(played: Played, texts: readonly { application: string; statement: string }[]): [number, number] {
  const { culprit } = played.scenario;
  if (culprit === null) return [0, texts.length];
  const right = texts.filter(
    (one) => one.application.includes(culprit.application) && one.statement.includes(culprit.word),
  );
  return [right.length, texts.length];
}

export function figures(played: Played): Figures {
  const { scenario, attempts, marks, watch } = played;
  const names = (role: string) => scenario.parts.filter((part) => part.role === role).map(({ group }) => group);
  const healthyGroups = names('healthy');
  const of = (groups: readonly string[]) => attempts.filter(({ group }) => groups.includes(group));
  const healthy = of(healthyGroups);
  const inWindow = attempts.filter(({ start, end }) => start < marks.after && (end === null || end >= marks.window));
  const calm = rate(healthy, marks.warm, marks.window);
  const half = (marks.window + marks.after) / 2;
  const troubled = attempts.filter(({ end }) => end !== null && end >= marks.window);
  const errors = troubled.filter((one) => one.outcome !== null && !isGood(one));
  // PgBouncer and pgsluice tell the owner of the server in the errors of those who waited; a returning leaker is told about itself.
  const waited = errors.filter(({ outcome, detail }) => outcome === '53300' && detail !== undefined);
  const leaks = of(names('leak')).filter(({ outcome }) => outcome === 'left');
  const firstLeak = Math.min(...leaks.map(({ end }) => end!));
  const alert = leaks.length === 0 ? null : (watch?.firstAlert(firstLeak) ?? null);
  const times = healthy
    .filter(({ end, outcome }) => outcome === 'ok' && end! >= marks.window && end! < marks.after)
    .map(({ start, end }) => end! - start);
  const groups = [...scenario.parts.map(({ group }) => group), RETURNED];
  return {
    seconds: bySecond(healthy, played),
    calm,
    kept: rate(healthy, marks.window, marks.after) / calm,
    keptLate: rate(healthy, half, marks.after) / calm,
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
    longest: Math.max(
      ...inWindow
        .filter(({ group }) => healthyGroups.includes(group))
        .map(({ start, end }) => Math.min(end ?? marks.after, marks.after) - start),
    ),
    groups: Object.fromEntries(
      groups.map((group) => [group, groupFigures(inWindow.filter((one) => one.group === group))]),
    ),
    errors: count(errors.map(({ outcome }) => outcome ?? '')),
    firstAlert: alert === null ? null : alert - firstLeak,
    namedInLog: named(
      played,
      (watch?.lines ?? []).map(({ applicationName, statement }) => ({ application: applicationName, statement })),
    ),
    namedInErrors: named(
      played,
      waited.map(({ detail = '' }) => ({ application: detail, statement: detail })),
    ),
    recoveries: played.backAt.map(
      (at) =>
        Math.min(...healthy.filter(({ end, outcome }) => outcome === 'ok' && end! >= at).map(({ end }) => end!)) - at,
    ),
    keptByGroup: Object.fromEntries(
      healthyGroups.map((group) => [
        group,
        rate(of([group]), marks.window, marks.after) / rate(of([group]), marks.warm, marks.window),
      ]),
    ),
  };
}
