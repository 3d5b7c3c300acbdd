// What the metrics are made from.

import type { Counts } from '../util/counts.ts';
import type { Histogram } from '../util/histogram.ts';
import type { DatabaseStates } from './databases.ts';
import type { LabelNames } from './label-names.ts';
import type { Observer } from './observer.ts';
import type { PoolRow, Sources } from './snapshot.ts';
import type { Team } from './team.ts';

export interface MetricsSources {
  readonly observer: Observer;
  readonly version: string;
  /** null: the pooler is this process alone. */
  readonly team: Team | null;
  /** 'running', or what the process does instead. */
  state(): string;
  snapshot(): Sources;
  /** The configuration in force, and which databases are paused or disabled. */
  readonly states: DatabaseStates;
  /** Spans for OpenTelemetry, by what became of them. */
  readonly spans: Counts;
  /** How late the event loop was, each time that a timer was due. */
  lateness(): Histogram;
}

/** What one scrape looks at. */
export interface Picture {
  readonly snapshot: Sources;
  readonly pools: readonly PoolRow[];
  readonly labels: LabelNames;
}
