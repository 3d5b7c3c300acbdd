// SHOW HELP: what there is to type, as a notice. PgBouncer: the same form and lines; ours come behind them.

import { noticeResponse } from '../protocol/error-fields.ts';

const DETAIL = `
	SHOW HELP|CONFIG|DATABASES|POOLS|CLIENTS|SERVERS|USERS|VERSION
	SHOW PEERS|PEER_POOLS
	SHOW SOCKETS|ACTIVE_SOCKETS|LISTS|MEM|STATE
	SHOW DNS_HOSTS|DNS_ZONES
	SHOW STATS|STATS_TOTALS|STATS_AVERAGES|TOTALS
	SET key = arg
	RELOAD
	PAUSE [<db>]
	RESUME [<db>]
	DISABLE <db>
	ENABLE <db>
	RECONNECT [<db>]
	KILL [<db>]
	KILL_CLIENT <client_id>
	SHUTDOWN
	SHUTDOWN WAIT_FOR_SERVERS|WAIT_FOR_CLIENTS
	WAIT_CLOSE [<db>]

	SHOW HOLDERS|WAITS|LEAKS|PINS|APPLICATIONS|HISTOGRAMS|ADVICE
	SHOW EVENTS [<n>]
	SHUTDOWN DRAIN`;

export const HELP = noticeResponse({
  severity: 'NOTICE',
  sqlstate: '00000',
  message: 'Console usage',
  detail: DETAIL,
});
