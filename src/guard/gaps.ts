// Is a server held and not used, and in what way? One pure look at a server and its holder.

import type { Client } from '../client/client.ts';
import { TxStatus } from '../protocol/message-types.ts';
import type { Server } from '../server/server.ts';

/** How a server is held without being used: log, metric label and console say the same. */
export type LeakKind = 'idle_in_transaction' | 'idle_in_failed_transaction' | 'half_sent_batch';

/** What a holder does with its server. */
export const HOLDER_STATES = [
  'running',
  'copy',
  'reading',
  'idle_in_transaction',
  'idle_in_failed_transaction',
  'half_sent_batch',
  'pinned',
  'session',
  'asked',
] as const;
export type HolderState = (typeof HOLDER_STATES)[number];

export function holderState(server: Server, client: Client): HolderState {
  const { replies, txStatus } = server;
  if (server.isAsked) return 'asked';
  if (replies.isCopyIn) return 'copy';
  // It takes its result slowly, or we take its statement slowly.
  if (client.stream.unsentBytes > 0 || client.stream.isReadingPaused) return 'reading';
  if (client.isMidMessage) return 'half_sent_batch';
  if (replies.length > 0) return replies.isBatchOpen && !replies.owesExecution ? 'half_sent_batch' : 'running';
  if (txStatus === TxStatus.Failed) return 'idle_in_failed_transaction';
  if (txStatus === TxStatus.Transaction) return 'idle_in_transaction';
  if (replies.isBatchOpen) return 'half_sent_batch';
  return server.pins === 0 ? 'session' : 'pinned';
}

export function isUnused(state: HolderState): state is LeakKind {
  return state === 'idle_in_transaction' || state === 'idle_in_failed_transaction' || state === 'half_sent_batch';
}

/** Since when neither the client nor the server has said anything: a stamp of the clock. */
export function silentSince(server: Server, client: Client): number {
  return Math.max(server.activeAt, client.activeAt);
}
