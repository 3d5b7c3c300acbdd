// Texts of others on their way into a log or onto a terminal: one line, and not too long.

/** Line ends, escapes for terminals, marks that turn the direction of a line. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu;

export function printable(text: string): string {
  return text.replace(UNPRINTABLE, ' ').trim();
}

/** The first characters, never half of one. */
export function firstCharacters(text: string, count: number): string {
  return text.length <= count ? text : text.slice(0, count).replace(/[\ud800-\udbff]$/, '');
}
