// What the metrics are made from.

import type { Counts } from '../util/counts.ts';
import type { Histogram } from '../util/histogram.ts';
import { Turns } from '../util/turns.ts';
import { type DatabaseRow, type DatabaseStates, databaseRows } from './databases.ts';
import type { LabelNames, PoolLabels } from './label-names.ts';
import { type Lists, lists } from './lists.ts';
import type { Observer } from './observer.ts';
import { type ClientCount, countClients, type PoolRow, poolRows, type Sources } from './snapshot.ts';
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
export class Picture {
  readonly snapshot: Sources;
  readonly pools: readonly PoolRow[];
  readonly labels: LabelNames;
  readonly #states: DatabaseStates;
  readonly #clients = new Map<string, ClientCount>();
  #areClientsCounted = false;
  readonly #poolLabels = new Map<PoolRow, PoolLabels>();
  #databases: readonly DatabaseRow[] | null = null;
  #lists: Lists | null = null;

  constructor(snapshot: Sources, labels: LabelNames, states: DatabaseStates) {
    this.snapshot = snapshot;
    this.labels = labels;
    this.#states = states;
    this.pools = poolRows(snapshot);
  }

  /** Before anything is read: clients are many, and counted a few at a time. */
  async countClients(): Promise<void> {
    const turns = new Turns();
    for (const _ of countClients(this.snapshot, this.#clients)) if (turns.isOver) await turns.giveWay();
    this.#areClientsCounted = true;
  }

  /** Clients by who they are and what they do. */
  get clients(): Iterable<ClientCount> {
    if (!this.#areClientsCounted) for (const _ of countClients(this.snapshot, this.#clients));
    this.#areClientsCounted = true;
    return this.#clients.values();
  }

  /** database and user of a pool. The same object each time: what is made from it is made once. */
  labelsOf(row: PoolRow): PoolLabels {
    let labels = this.#poolLabels.get(row);
    if (labels === undefined) {
      labels = this.labels.pool(row.database, row.user);
      this.#poolLabels.set(row, labels);
    }
    return labels;
  }

  get databases(): readonly DatabaseRow[] {
    this.#databases ??= databaseRows(this.#states, this.snapshot);
    return this.#databases;
  }

  get lists(): Lists {
    this.#lists ??= lists(this.#states, this.snapshot);
    return this.#lists;
  }
}
