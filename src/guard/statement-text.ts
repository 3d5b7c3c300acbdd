// How a statement is shown: by its verb and length, or whole where somebody asked for that.

export type StatementTextMode = 'normalized' | 'full' | 'off';

const VERB = /^\s*(select|insert|update|delete|merge|with|begin|commit|rollback|copy|set|fetch|lock)\b/i;

/** bytes: the first ones of a statement; totalLength: how long it really is. One line, no control characters. */
export function statementText(bytes: Buffer, totalLength: number, mode: StatementTextMode): string {
  if (mode === 'off' || bytes.length === 0) return '';
  const text = bytes.toString();
  if (mode === 'full') return text.replace(/[\p{C}\p{Z}]+/gu, ' ').trim();
  return `${VERB.exec(text)?.[1]?.toUpperCase() ?? '?'} (${totalLength} bytes)`;
}
