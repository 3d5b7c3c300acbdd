// Numbers, durations and names as people read them.

/** @param {number} ms */
export function duration(ms) {
  if (ms === 0) return '0 ms';
  if (ms < 1) return `${ms.toFixed(2)} ms`;
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)} s`;
  if (ms < 120_000) return `${Math.round(ms / 1_000)} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 172_800_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} d`;
}

/** @param {number} value */
export function count(value) {
  if (value < 10_000) return String(Math.round(value * 10) / 10);
  if (value < 1_000_000) return `${(value / 1_000).toFixed(value < 100_000 ? 1 : 0)}k`;
  return `${(value / 1_000_000).toFixed(1)}M`;
}

/** @param {number} bytes */
export function size(bytes) {
  if (bytes < 1_024) return `${bytes} B`;
  if (bytes < 1_024 ** 2) return `${(bytes / 1_024).toFixed(0)} kB`;
  if (bytes < 1_024 ** 3) return `${(bytes / 1_024 ** 2).toFixed(0)} MB`;
  return `${(bytes / 1_024 ** 3).toFixed(1)} GB`;
}

/** @param {string} iso */
export function clock(iso) {
  return new Date(iso).toLocaleTimeString(undefined, { hour12: false });
}

/**
 * @param {string} iso
 * @param {string} now the server's own clock: ours may differ
 */
export function ago(iso, now) {
  return duration(Math.max(Date.parse(now) - Date.parse(iso), 0));
}

/**
 * A state or kind of the API in words.
 * @param {string} name
 */
export function words(name) {
  return name.replaceAll('_', ' ');
}

/** What a stranger's text could do to a line: control characters, and marks that turn its direction around. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]+/gu;

/**
 * @param {string} text
 * @param {number} [most]
 */
export function clean(text, most = 200) {
  const short = text.length > most ? `${text.slice(0, most)}…` : text;
  return short.replace(UNPRINTABLE, '\u00b7');
}

/**
 * Who it is, where an application gave no name.
 * @param {{ applicationName: string, user?: string, address?: string }} row
 */
export function nameOf({ applicationName, user = '', address = '' }) {
  if (applicationName !== '') return clean(applicationName, 64);
  return user === '' ? '(no name)' : `(no name) ${clean(user, 64)}@${address}`;
}
