// Tables in Markdown, for the generated documents.

/** One line of a table; what would end a cell or start a tag is escaped. */
export function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('<', '&lt;')).join(' | ')} |\n`;
}

/** rows: made by row(). */
export function tableOf(head: readonly string[], rows: readonly string[]): string {
  return `${row(head)}${row(head.map(() => '---'))}${rows.join('')}`;
}
