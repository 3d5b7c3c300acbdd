// How values and names are written in the lines that the doctor proposes.

/** A duration as the configuration has it, never longer than `ms`. */
export function durationBelow(ms: number): string {
  return ms < 1_000 ? `${Math.max(1, Math.floor(ms))}ms` : `${Math.floor(ms / 100) / 10}s`;
}

/** A role or a database in SQL: quoted where it has to be. */
export function identifier(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}
