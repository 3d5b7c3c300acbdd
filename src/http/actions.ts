// The actions of the API: each is one order, as on the console.

import { setTimeout as delay } from 'node:timers/promises';
import { databaseEntry } from '../config/config.ts';
import type { Control } from '../control.ts';
import type { Verbs } from '../orders.ts';
import type { Answer } from './specs.ts';

/** What is wrong with a request, for its answer. */
export class HttpError extends Error {
  readonly statusCode: number;

  constructor(statusCode: number, message: string) {
    super(message);
    this.statusCode = statusCode;
  }
}

type Done = Answer<'pause'>;
const DONE: Done = { done: true };

function known(control: Control, database: string | null): string | null {
  if (database !== null && databaseEntry(control.config, database) === null)
    throw new HttpError(404, `no such database: ${database}`);
  return database;
}

/** A pause that is over within it is answered as done. */
const MOMENT_MS = 20;

/** Answers at once: a pause is over only when every transaction is. */
export async function pause({ control, perform }: Verbs, database: string | null): Promise<Done> {
  const done = perform({ verb: 'pause', database: known(control, database) }).then(() => true);
  return { done: await Promise.race([done, delay(MOMENT_MS, false)]) };
}

export async function forSome(
  { control, perform }: Verbs,
  verb: 'resume' | 'reconnect' | 'kill',
  database: string | null,
): Promise<Done> {
  await perform({ verb, database: known(control, database) });
  return DONE;
}

export async function killClient({ perform }: Verbs, id: number): Promise<Done> {
  const outcome = await perform({ verb: 'kill_client', id });
  if (outcome.kind === 'gone') throw new HttpError(404, `no such client: ${id}`);
  return DONE;
}

export async function reclaim({ perform }: Verbs, client: number, server: number): Promise<Done> {
  const outcome = await perform({ verb: 'reclaim', client, server });
  if (outcome.kind === 'in_use')
    throw new HttpError(
      409,
      `client ${client} uses its server: only one that is silent inside a transaction is taken back`,
    );
  if (outcome.kind === 'gone') throw new HttpError(404, `client ${client} does not hold server ${server} any more`);
  return DONE;
}
