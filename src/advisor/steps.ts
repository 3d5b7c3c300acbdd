// Work that can be left between two steps and gone on with later: nobody should have to wait for all of it.

export type Steps<Result> = Generator<undefined, Result, undefined>;

/** All steps at once. */
export function allSteps<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}
