// The workers of one pooler, as the console, the metrics and the API see them: one question, an answer of each, made into one picture by whoever asked.

import type { MeasuredTold } from '../advisor/merge-measured.ts';
import type { Readiness } from './readiness.ts';

/** What a cell of a SHOW is before it becomes a text. */
export type Value = string | number | boolean | null;

/** A metric as prom-client tells it in JSON. */
export interface MetricTold {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly aggregator: string;
  readonly values: readonly {
    readonly value: number;
    readonly labels: Readonly<Record<string, string | number>>;
    readonly metricName?: string;
  }[];
}

/** What a worker has measured of a pool, for the advisor. */
export interface MeasuredRow {
  readonly database: string;
  readonly user: string;
  readonly measured: MeasuredTold;
}

/** Every question with what it takes and what a worker answers. Both are plain JSON: they may go from process to process. */
export interface Questions {
  /** name: behind SHOW, lower case. limit: SHOW EVENTS 20. Rows may have more cells than the table shows. */
  readonly show: {
    readonly argument: { readonly name: string; readonly limit: number | null };
    readonly answer: readonly (readonly Value[])[];
  };
  readonly metrics: { readonly argument: null; readonly answer: readonly MetricTold[] };
  /** part: what of the API is asked for; query: as its schema let it through. */
  readonly api: {
    readonly argument: { readonly part: string; readonly query: Readonly<Record<string, unknown>> };
    readonly answer: unknown;
  };
  /** Of one pool, or of all. */
  readonly measured: {
    readonly argument: { readonly database: string; readonly user: string } | null;
    readonly answer: readonly MeasuredRow[];
  };
  readonly ready: { readonly argument: null; readonly answer: Readiness };
}

export type QuestionName = keyof Questions;

/** One worker's answer. Numbers begin at 1, and a worker that replaces another has its number. */
export interface Told<Answer> {
  readonly worker: number;
  readonly answer: Answer;
}

/** Whoever asks has none of this where the pooler is one process. */
export interface Team {
  /** The number of this worker. */
  readonly worker: number;
  /** Workers that have died and were replaced, as far as this one has heard. */
  readonly deaths: number;
  /**
   * What each worker, this one too, answers to the same question, in the order of their numbers. Who fails or does not answer within two seconds is
   * left out. Rejects only when nobody answers.
   */
  ask<N extends QuestionName>(
    name: N,
    argument: Questions[N]['argument'],
  ): Promise<readonly Told<Questions[N]['answer']>[]>;
}

/** What a worker tells the others: App is one. Rejects when it can't. */
export interface Respondent {
  answer<N extends QuestionName>(name: N, argument: Questions[N]['argument']): Promise<Questions[N]['answer']>;
}

export type Answers = {
  readonly [N in QuestionName]: (argument: Questions[N]['argument']) => Promise<Questions[N]['answer']>;
};
