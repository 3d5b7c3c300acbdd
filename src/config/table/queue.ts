// Rows: who waits for a server, for how long that makes sense, and who is next.
import { EVERYWHERE, type SettingRows } from './row.ts';

export const queueRows = {
  advice_wait_target: {
    kind: 'duration',
    default: 50,
    zero: 'nothing is sampled and no advice is given',
    scope: EVERYWHERE,
    reload: 'live',
    ours: true,
    doc: 'What SHOW ADVICE sizes a pool for: of a hundred clients no more than one should wait for a server for longer than this.',
  },
  application_weights: {
    kind: 'list',
    numbers: { min: 1, max: 100 },
    default: [],
    scope: EVERYWHERE,
    reload: 'live',
    ours: true,
    doc: 'How the servers of a pool are shared between applications whose clients wait, by application_name (user@address where that is empty): a free server goes to the application that holds the fewest for its weight. An application that is not named weighs 1. One that is alone gets the whole pool, and nothing is taken from one that had it.',
  },
  max_waiting_clients: {
    kind: 'int',
    min: 0,
    max: 1_000_000,
    zero: 'no limit but max_client_conn: what waits in vain is known by queue_target',
    default: 0,
    scope: EVERYWHERE,
    reload: 'live',
    ours: true,
    doc: 'Clients that may wait for a server of one pool when all that it may have are in use. One more is refused at once with 53300; it is the last one of the application that has most of the queue.',
  },
  queue_target: {
    kind: 'duration',
    default: 500,
    zero: 'nobody is refused before query_wait_timeout',
    scope: EVERYWHERE,
    reload: 'live',
    ours: true,
    doc: 'Clients of an application that wait for no longer than this are a burst. When all of them have waited longer for half of query_wait_timeout (but at least a second), more is asked of the pool than it can do: from then on a client that would not get a server within query_wait_timeout, at the rate at which its application is served, is refused at once with 53300 instead of waiting in vain, and so is one that waits already and can not make it any more.',
  },
} as const satisfies SettingRows;
