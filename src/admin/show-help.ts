// SHOW HELP: what there is to type, as a notice. PgBouncer: the same form.

import { noticeResponse } from '../protocol/error-fields.ts';
import { commandComplete } from '../protocol/writer.ts';

const DETAIL = `
	SHOW APPLICATIONS|CLIENTS|CONFIG|DATABASES|HELP|HISTOGRAMS|HOLDERS|LEAKS|POOLS|SERVERS|VERSION|WAITS
	SHOW EVENTS [<n>]
	RELOAD
	PAUSE [<db>]
	RESUME [<db>]
	RECONNECT [<db>]
	KILL [<db>]
	KILL_CLIENT <id>
	DISABLE <db>
	ENABLE <db>
	SHUTDOWN [WAIT_FOR_SERVERS|WAIT_FOR_CLIENTS]
`;

export function showHelp(): Buffer[] {
  const notice = { severity: 'NOTICE', sqlstate: '00000', message: 'Console usage', detail: DETAIL };
  return [noticeResponse(notice), commandComplete('SHOW')];
}
