// The shapes of /api/v1: what each answer has. TypeScript's types, the OpenAPI file and the tests are made from them.
//
// Names are camelCase with the unit last. Texts that strangers wrote (application names, statements, tags) are as the
// snapshot has them: whoever shows them has to escape them.

import { z } from 'zod';
import { CAUSES, CONFIDENCES } from '../advisor/advice.ts';
import { HOLDER_STATES } from '../guard/gaps.ts';
import { EVENT_KINDS } from '../observe/event.ts';

const count = z.number().int().min(0);
const ms = z.number().min(0);
const id = z.number().int().min(1);
/** ISO 8601, UTC. */
const time = z.iso.datetime();

export const timeSummary = z.strictObject({
  count,
  p50Ms: ms,
  p90Ms: ms,
  p99Ms: ms,
  mostMs: ms.nullable().describe('None took longer; null: one took more than 1000 seconds.'),
});

export const times = z
  .strictObject({ wait: timeSummary, hold: timeSummary, transaction: timeSummary, query: timeSummary })
  .describe('Of the last minute.');

export const occupancy = z
  .strictObject({
    running: count.describe('Held by a client, and Postgres or the network is at work.'),
    idleInTransaction: count.describe('Held inside a transaction or half a batch, and silent.'),
    pinned: count.describe('Held beyond a transaction, for a reason or in session mode.'),
    idle: count.describe('Free, or being reset for the next client.'),
    login: count,
    waiting: count.describe('Clients that wait for a server.'),
  })
  .describe('What the servers of a pool, or of all pools, are doing.');

export const SEVERITIES = ['critical', 'warning', 'notice'] as const;
export const FINDING_CODES = [
  'bug',
  'closing',
  'leak',
  'login_failing',
  'loop_late',
  'paused',
  'pinned',
  'postgres_away',
  'refusals',
  'saturated',
  'stall',
] as const;

export const finding = z
  .strictObject({
    severity: z.enum(SEVERITIES),
    code: z.enum(FINDING_CODES),
    title: z.string().describe('One sentence: what is wrong, and who.'),
    detail: z.string().describe('The numbers.'),
    advice: z.string().describe('What to do.'),
    database: z.string().optional(),
    user: z.string().optional(),
    applicationName: z.string().optional(),
    route: z.string().optional(),
    statement: z.string().optional().describe('What the application sent last.'),
    held: count.optional().describe('Servers that it holds and does not use.'),
    leaks: count.optional().describe('Leaks within the last minute.'),
    reclaimed: count.optional().describe('Servers taken back within the last minute.'),
  })
  .describe('Something that is not well. The worst stands first.');

export const overview = z.strictObject({
  time,
  version: z.string(),
  state: z.enum(['running', 'paused', 'wait_for_clients', 'drain', 'wait_for_servers', 'immediate']),
  uptimeMs: ms,
  health: z.enum(['well', ...SEVERITIES]).describe('That of the worst finding.'),
  findings: z.array(finding),
  poolCount: count,
  poolSize: count.describe('Servers that all pools may have.'),
  occupancy,
  clients: z.strictObject({ connected: count, active: count, idle: count, waiting: count, login: count }),
  maxWaitMs: ms,
  times,
  stats: z
    .strictObject({
      xactCount: count,
      queryCount: count,
      bytesReceived: count,
      bytesSent: count,
      waitTimeoutCount: count,
      queueFullCount: count,
      shedCount: count,
      serverLoginFailureCount: count,
      errorCount: count.describe('Errors of Postgres that were relayed.'),
      poolerErrorCount: count,
      leakCount: count,
      reclaimCount: count,
    })
    .describe('Counters since the process started, of the pools that there are.'),
  process: z.strictObject({ rssBytes: count, heapUsedBytes: count, loopLateP99Ms: ms }),
  actions: z
    .enum(['allowed', 'token', 'off'])
    .describe('Whether this caller may act, would with a token, or nobody may.'),
});

export const pool = z.strictObject({
  database: z.string(),
  user: z.string(),
  state: z.string(),
  poolMode: z.string(),
  poolSize: count,
  clients: z.strictObject({ active: count, idle: count, waiting: count, activeCancel: count, waitingCancel: count }),
  servers: z.strictObject({
    active: count,
    activeCancel: count,
    beingCanceled: count,
    idle: count,
    used: count,
    tested: count,
    login: count,
  }),
  occupancy,
  pinned: z.record(z.string(), count).describe('Servers that are pinned, by reason.'),
  maxWaitMs: ms,
  isAway: z.boolean().describe('Logins to Postgres fail, and there is no server left.'),
  lastLoginError: z.string().nullable(),
  times,
  stats: z.record(z.string(), z.number()).describe('Counters under the names of SHOW STATS, in camelCase.'),
});
export const pools = z.strictObject({ time, pools: z.array(pool) });

export const advice = z
  .strictObject({
    database: z.string(),
    user: z.string(),
    cause: z.enum(CAUSES),
    poolSize: count,
    size: count.nullable().describe('What pool_size should be; null: too little was seen.'),
    sizeNow: count.nullable().describe('What the last minute alone asks for.'),
    sizeWithout: count
      .nullable()
      .describe('What would do if clients were not silent inside transactions, or did not keep servers beyond them.'),
    confidence: z.enum(CONFIDENCES),
    title: z.string(),
    arithmetic: z.string().describe('How the size was found.'),
    advice: z.string().describe('What to do.'),
    change: z.string().nullable().describe('The line of the configuration.'),
  })
  .describe('What the size of a pool should be, and why.');
export const advices = z.strictObject({ time, advice: z.array(advice) });

const tags = z.record(z.string(), z.string()).describe('sqlcommenter tags of the statement.');

export const holder = z.strictObject({
  database: z.string(),
  user: z.string(),
  applicationName: z.string(),
  address: z.string(),
  port: count,
  processId: id.nullable(),
  clientId: id,
  serverId: id,
  backendPid: count,
  state: z.enum(HOLDER_STATES),
  heldMs: ms,
  silentMs: ms,
  statements: count,
  bytes: count,
  pins: z.array(z.string()),
  statement: z.string(),
  tags,
  leak: z.enum(['suspect', 'leaked']).nullable(),
});
export const holders = z.strictObject({ time, total: count, holders: z.array(holder) });

export const leak = z.strictObject({
  id,
  foundAt: time,
  kind: z.enum(['idle_in_transaction', 'idle_in_failed_transaction', 'half_sent_batch']),
  life: z.enum(['leaked', 'reclaimed', 'returned_late', 'client_gone']),
  isEarly: z.boolean().describe('Taken back before leak_detection_threshold.'),
  allowedMs: ms,
  waiting: count,
  holder: holder.omit({ leak: true }),
});
export const leaks = z.strictObject({ time, total: count, leaks: z.array(leak).describe('Newest first.') });

export const application = z.strictObject({
  applicationName: z.string(),
  route: z.string(),
  heldMs: ms,
  idleMs: ms,
  waitsCausedMs: ms,
  leaks: count,
  reclaimed: count,
});
export const applications = z.strictObject({ time, applications: z.array(application) });

const socket = {
  id,
  database: z.string(),
  user: z.string(),
  applicationName: z.string(),
  address: z.string(),
  port: count,
  connectedAt: time,
  requestedAt: time,
  closeNeeded: z.boolean(),
  replication: z.enum(['none', 'logical', 'physical']),
};
export const CLIENT_STATES = ['waiting', 'active', 'idle', 'login', 'active_cancel_req', 'waiting_cancel_req'] as const;
export const SERVER_STATES = ['active', 'active_cancel', 'being_canceled', 'tested', 'used', 'idle', 'new'] as const;
export const client = z.strictObject({
  ...socket,
  state: z.enum(CLIENT_STATES),
  waitedMs: ms,
  serverId: id.nullable(),
  isConsole: z.boolean(),
});
export const server = z.strictObject({
  ...socket,
  state: z.enum(SERVER_STATES),
  clientId: id.nullable(),
  backendPid: count,
});
const matched = count.describe('How many there are that fit the filter; the list may be shorter.');
export const clients = z.strictObject({ time, total: matched, clients: z.array(client) });
export const servers = z.strictObject({ time, total: matched, servers: z.array(server) });

export const event = z.strictObject({
  sequence: id,
  time,
  kind: z.enum(EVENT_KINDS),
  cause: z.string().optional(),
  database: z.string().optional(),
  user: z.string().optional(),
  applicationName: z.string().optional(),
  client: id.optional(),
  server: id.optional(),
  durationMs: ms.optional(),
  count,
  text: z.string().optional(),
});
export const events = z.strictObject({
  last: count.describe('Sequence up to which every event is told; the next request may say since=last.'),
  events: z.array(event).describe('Newest last.'),
});

export const setting = z.strictObject({
  key: z.string(),
  value: z.string().describe('As it would stand in a file; secrets are ****.'),
  default: z.string(),
  isDefault: z.boolean(),
  reload: z.enum(['live', 'drain', 'restart']).describe('What a reload does with a new value.'),
  topic: z.string(),
  doc: z.string(),
  differs: z.string().nullable().describe("How it differs from PgBouncer's."),
});
export const settings = z.strictObject({ file: z.string().nullable(), settings: z.array(setting) });

export const sample = z
  .strictObject({
    time,
    occupancy,
    maxWaitMs: ms,
    xacts: count,
    queries: count,
    refused: count.describe('Clients that were told that no server would be free for them.'),
    waitP50Ms: ms,
    waitP99Ms: ms,
    xactP50Ms: ms,
    xactP99Ms: ms,
  })
  .describe('One moment of the past: counts, and what happened since the moment before.');
export const history = z.strictObject({ intervalMs: ms, samples: z.array(sample).describe('Oldest first.') });

/** One message of /api/v1/stream. */
export const tick = z.strictObject({
  overview,
  sample: sample.nullable(),
  pools: z.array(pool),
  holders: z.array(holder),
  leaks: z.array(leak),
  applications: z.array(application),
  advice: z.array(advice).describe('Of at most ten seconds ago.'),
  events: z.array(event).describe('Since the message before.'),
});

export const databaseBody = z.strictObject({
  database: z.string().max(63).nullable().describe('null: all databases.'),
});
export const clientBody = z.strictObject({ client: id });
export const reclaimBody = z.strictObject({ client: id, server: id });
export const done = z.strictObject({ done: z.boolean().describe('false: it has begun, and goes on.') });
export const problem = z.strictObject({ statusCode: count, error: z.string(), message: z.string() });

export type Finding = z.infer<typeof finding>;
export type Overview = z.infer<typeof overview>;
export type Occupancy = z.infer<typeof occupancy>;
export type TimesTold = z.infer<typeof times>;
export type PoolTold = z.infer<typeof pool>;
export type HolderTold = z.infer<typeof holder>;
export type LeakTold = z.infer<typeof leak>;
export type AdviceTold = z.infer<typeof advice>;
export type ApplicationTold = z.infer<typeof application>;
export type ClientTold = z.infer<typeof client>;
export type ServerTold = z.infer<typeof server>;
export type EventTold = z.infer<typeof event>;
export type SettingTold = z.infer<typeof setting>;
export type Sample = z.infer<typeof sample>;
export type Tick = z.infer<typeof tick>;
