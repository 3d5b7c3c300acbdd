// One thing that is measured.

export interface Case {
  readonly name: string;
  /** Operations that one call of run() does: enough of them that reading the clock does not matter. */
  readonly per: number;
  run(): void;
}

/** Those of one part of the house. stop: when all were measured. */
export interface Group {
  readonly name: string;
  open(): Promise<{ readonly cases: readonly Case[]; stop?(): Promise<void> }>;
}

/** A case whose operation is done in a loop. */
export function repeated(name: string, per: number, once: (i: number) => void): Case {
  return {
    name,
    per,
    run: () => {
      for (let i = 0; i < per; i += 1) once(i);
    },
  };
}

/** What results go to, so that no compiler finds out that nobody wants them. */
export const sink: { value: unknown } = { value: null };
