// What pgsluice asks a server on its own account about sessions and functions: scripted servers answer it by themselves.
import { backend } from './wire-backend.ts';

/** Whether the text of a simple query is such a question: both kinds are read-only transactions of their own. */
export function isQuestion(sql: string): boolean {
  return /^BEGIN (READ ONLY;SET LOCAL search_path|ISOLATION LEVEL READ COMMITTED, READ ONLY)/.test(sql);
}

/** Nothing is found. */
export const noAnswer = Buffer.concat([backend.commandComplete('COMMIT'), backend.readyForQuery()]);
