// Texts on a terminal: how many cells they take, cut and padded to a width. Whatever strangers wrote is made harmless first.
import { printable } from '../../util/printable.ts';

/** East Asian wide and full-width characters, and pictures. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const COMBINING = /^\p{M}$/u;

/** More than a terminal is wide: the rest of a text of megabytes is not looked at. */
const MAX_LOOKED_AT = 2_000;

/** One line without control characters, escapes or marks of direction. */
export function harmless(text: string): string {
  return printable(text.length > MAX_LOOKED_AT ? text.slice(0, MAX_LOOKED_AT) : text).replace(/\p{Cs}/gu, '\ufffd');
}

export function cellsOf(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let cells = 0;
  for (const character of text) cells += cellsOfOne(character);
  return cells;
}

function cellsOfOne(character: string): number {
  if (COMBINING.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

/** Exactly so many cells: cut with an ellipsis, or filled with blanks on one side. */
export function fitted(text: string, cells: number, align: 'left' | 'right' = 'left'): string {
  const cut = cutTo(text, cells);
  const blanks = ' '.repeat(Math.max(cells - cellsOf(cut), 0));
  return align === 'left' ? cut + blanks : blanks + cut;
}

/** At most so many cells. */
export function cutTo(text: string, cells: number): string {
  if (cellsOf(text) <= cells) return text;
  let [cut, used] = ['', 0];
  for (const character of text) {
    const more = cellsOfOne(character);
    if (used + more > cells - 1) break;
    cut += character;
    used += more;
  }
  return cells > 0 ? `${cut}\u2026` : '';
}

/** 1.2s, 3m 05s, 2h 10m. */
export function ago(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)}s`;
  if (seconds < 100) return `${Math.floor(seconds)}s`;
  const [minutes, hours] = [Math.floor(seconds / 60), Math.floor(seconds / 3600)];
  const two = (n: number) => String(n).padStart(2, '0');
  if (hours < 1) return `${minutes}m ${two(Math.floor(seconds) % 60)}s`;
  return hours < 48 ? `${hours}h ${two(minutes % 60)}m` : `${Math.floor(hours / 24)}d ${two(hours % 24)}h`;
}

/** 950, 12.3k, 4.5M. */
export function short(value: number): string {
  if (value < 1000) return String(Math.round(value));
  const unit =
    value < 999_500 ? ([1e3, 'k'] as const) : value < 999.5e6 ? ([1e6, 'M'] as const) : ([1e9, 'G'] as const);
  const scaled = value / unit[0];
  return `${scaled < 100 ? scaled.toFixed(1) : Math.round(scaled)}${unit[1]}`;
}
