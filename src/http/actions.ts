// The actions of the API: each is one call to control, as on the console.

import { setImmediate as turn } from 'node:timers/promises';
import { databaseEntry } from '../config/config.ts';
import type { Control } from '../control.ts';
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

/** Answers at once: a pause is over only when every transaction is. */
export async function pause(control: Control, database: string | null): Promise<Done> {
  const answer = { done: false };
  control.pause(known(control, database)).then(() => {
    answer.done = true;
  });
  await turn();
  return answer;
}

export function resume(control: Control, database: string | null): Done {
  control.resume(known(control, database));
  return DONE;
}

export function reconnect(control: Control, database: string | null): Done {
  control.reconnect(known(control, database));
  return DONE;
}

export function kill(control: Control, database: string | null): Done {
  control.kill(known(control, database));
  return DONE;
}

export function killClient(control: Control, id: number): Done {
  if (!control.killClient(id)) throw new HttpError(404, `no such client: ${id}`);
  return DONE;
}

export function reclaim(control: Control, client: number, server: number): Done {
  switch (control.reclaim(client, server)) {
    case 'done':
      return DONE;
    case 'in_use':
      throw new HttpError(
        409,
        `client ${client} uses its server: only one that is silent inside a transaction is taken back`,
      );
    case 'gone':
      throw new HttpError(404, `client ${client} does not hold server ${server} any more`);
  }
}
