// Several workers are one pooler: a number that one of them gives says which one it was. Ids of clients and servers, and the process ids of cancel keys.

/** Worker n gives the numbers that leave n when divided by this; there are at most one fewer workers. */
export const WORKER_STEP = 64;

export function workerOf(id: number): number {
  return id % WORKER_STEP;
}
