// SET key = value: a setting of the file takes another value until RELOAD; what drivers set of Postgres' own is let pass. PgBouncer: admin_set.

import type { ConsoleRole } from '../client/gatekeeper.ts';
import type { Verbs } from '../orders.ts';
import { noticeResponse } from '../protocol/error-fields.ts';
import type { Answer } from './answer.ts';
import type { SetCommand } from './command.ts';
import { ConsoleError } from './console-error.ts';
import { isGuc } from './show-guc.ts';

const IGNORED = noticeResponse({ severity: 'NOTICE', sqlstate: '00000', message: 'SET ignored' });

export async function setVariable({ perform }: Verbs, role: ConsoleRole, { key, value }: SetCommand): Promise<Answer> {
  if (isGuc(key)) return { notices: [IGNORED], rows: [], tag: 'SET' };
  if (role !== 'admin') throw new ConsoleError('42501', 'admin access needed');
  const outcome = await perform({ verb: 'set', key, value });
  if (outcome.kind === 'refused') throw new ConsoleError('22023', 'SET failed', { detail: outcome.text });
  // PgBouncer: the tag has the value.
  return { notices: [], rows: [], tag: `SET ${key}=${value}` };
}
