// Long work in pieces: everybody else is served between two of them.

import { setImmediate as turn } from 'node:timers/promises';

/** A piece that has taken so long is the last one of its turn. */
const PIECE_MS = 1;

export class Turns {
  #begunAt = performance.now();

  /** This piece was long enough: give way. */
  get isOver(): boolean {
    return performance.now() - this.#begunAt >= PIECE_MS;
  }

  async giveWay(): Promise<void> {
    await turn();
    this.#begunAt = performance.now();
  }
}

/** All of them, made in pieces. */
export async function inTurns<T>(all: Iterable<T>): Promise<T[]> {
  const turns = new Turns();
  const made: T[] = [];
  for (const one of all) {
    made.push(one);
    if (turns.isOver) await turns.giveWay();
  }
  return made;
}
