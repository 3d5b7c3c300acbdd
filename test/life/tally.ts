// What came of a run of restarts.

export interface Tally {
  restarts: number;
  connects: number;
  /** By error code: nobody listened, or it let nobody in. */
  refusedConnects: Record<string, number>;
  /** Tokens whose COMMIT (or statement) was acknowledged, and those that were refused before anything began. */
  readonly committed: Set<string>;
  readonly refused: Set<string>;
  /** Statements that met 57P01 at the boundary. */
  turnedAway: number;
  /** The rest must be empty. Begun transactions that did not reach their end; */
  readonly cut: string[];
  /** connections that ended in the face of a statement without a word; */
  readonly untold: string[];
  /** acknowledged and not there; */
  readonly lost: string[];
  /** refused and there all the same, or there twice; */
  readonly ghosts: string[];
  /** exit codes other than 0, and errors in the log. */
  readonly complaints: string[];
  slowestEndMs: number;
  seconds: number;
}

export function newTally(): Tally {
  return {
    restarts: 0,
    connects: 0,
    refusedConnects: {},
    committed: new Set(),
    refused: new Set(),
    turnedAway: 0,
    cut: [],
    untold: [],
    lost: [],
    ghosts: [],
    complaints: [],
    slowestEndMs: 0,
    seconds: 0,
  };
}

export function isClean({ cut, untold, lost, ghosts, complaints }: Tally): boolean {
  return [cut, untold, lost, ghosts, complaints].every((list) => list.length === 0);
}

export function refusedConnects({ refusedConnects: byCode }: Tally): number {
  return Object.values(byCode).reduce((sum, count) => sum + count, 0);
}
