// Does a message do nothing but open a transaction? Such a one may be sent before its server's session is known to be right. Pure.

import type { FrameReader } from '../protocol/frame-reader.ts';
import { Frontend } from '../protocol/message-types.ts';

/** Header, BEGIN with every option once, and blanks in plenty. */
const LONGEST = 200;

/** Postgres: what its scanner takes for blank in all versions. */
const BLANK = '[ \\t\\n\\r\\f]';
const words = (...choices: string[]) => choices.join('|').replaceAll(' ', `${BLANK}+`);
const LEVEL = words('read committed', 'read uncommitted', 'repeatable read', 'serializable');
const MODE = `(?:isolation${BLANK}+level${BLANK}+(?:${LEVEL})|${words('read only', 'read write', 'not deferrable', 'deferrable')})`;
const MODES = `(?:${BLANK}+${MODE}(?:(?:${BLANK}*,${BLANK}*|${BLANK}+)${MODE})*)?`;
const OPENING = new RegExp(
  `^${BLANK}*(?:begin(?:${BLANK}+(?:work|transaction))?|start${BLANK}+transaction)${MODES}${BLANK}*(?:;${BLANK}*)?$`,
  'i',
);

/** The message under the cursor is a simple query of BEGIN or START TRANSACTION, and nothing else: no comment, no second statement. */
export function onlyOpensTransaction(reader: FrameReader): boolean {
  const { buffer, start, end } = reader;
  if (reader.type !== Frontend.Query || !reader.first || !reader.last || end - start > LONGEST) return false;
  if (end - start < 6 || buffer[end - 1] !== 0) return false;
  return OPENING.test(buffer.toString('latin1', start + 5, end - 1));
}
