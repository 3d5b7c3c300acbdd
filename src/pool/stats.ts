// What a pool counts. Plain numbers, added to on the data plane and read by observe; names as in SHOW STATS.

import { Counts } from '../util/counts.ts';
import { Histogram } from '../util/histogram.ts';

export class PoolStats {
  /** Transactions and statements (batches up to Sync) that were answered. */
  xactCount = 0;
  queryCount = 0;
  /** Bytes from clients and to clients. */
  bytesReceived = 0;
  bytesSent = 0;
  /** Milliseconds in transactions, in statements, in waiting for a server. */
  xactTimeMs = 0;
  queryTimeMs = 0;
  waitTimeMs = 0;
  /** Checkouts. */
  serverAssignmentCount = 0;
  clientLoginCount = 0;
  /** Named statements of the protocol: parsed by clients, parsed on servers, bound. */
  clientParseCount = 0;
  serverParseCount = 0;
  bindCount = 0;
  serverLoginCount = 0;
  serverLoginFailureCount = 0;
  waitTimeoutCount = 0;
  /** Clients refused because the queue was full, or because they would have waited in vain. */
  queueFullCount = 0;
  shedCount = 0;
  /** Sessions brought over to another server; servers asked what their session has come to. */
  preparationCount = 0;
  inspectionCount = 0;
  /** Batches that were sent again because of a plan that was out of date. */
  retryCount = 0;
  /** Transactions after which the client kept its server. */
  pinnedXactCount = 0;
  /** Statements, of those in queryCount, that were answered by a server which is pinned to its client. */
  pinnedQueryCount = 0;
  /** How long clients waited for a server, those that got one at once and those that waited in vain included. */
  readonly waits = new Histogram();
  /** How long clients held a server, from checkout to release. */
  readonly holds = new Histogram();
  readonly xacts = new Histogram();
  readonly queries = new Histogram();
  /** Servers that were held and not used, by kind. */
  readonly leaks = new Counts();
  /** Statements that session_policy warns of, by kind. */
  readonly sessionWarnings = new Counts();
  /** Servers that were closed, by reason. */
  readonly serverCloses = new Counts();
  /** Errors of Postgres relayed to clients, by SQLSTATE. */
  readonly errorsBySqlstate = new Counts();
}
