// Durations as people read them.

/** 250 -> "250 ms", 10000 -> "10 s", 93500 -> "93.5 s". Milliseconds in. */
export function formatDuration(milliseconds: number): string {
  return Math.round(milliseconds) < 1000
    ? `${Math.round(milliseconds)} ms`
    : `${Math.round(milliseconds / 100) / 10} s`;
}
