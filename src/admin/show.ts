// Which SHOW there is, each in a file of its own. HELP is none of them: it has no table.

import { showAdvice } from './show-advice.ts';
import { showApplications } from './show-applications.ts';
import { showClients } from './show-clients.ts';
import { showConfigTable } from './show-config.ts';
import { showDatabases } from './show-databases.ts';
import { showDnsHosts, showDnsZones } from './show-dns.ts';
import { showEvents } from './show-events.ts';
import { GUC_SHOWS } from './show-guc.ts';
import { showHistograms } from './show-histograms.ts';
import { showHolders } from './show-holders.ts';
import { showLeaks } from './show-leaks.ts';
import { showLists } from './show-lists.ts';
import { showMem } from './show-mem.ts';
import { showPeerPools, showPeers } from './show-peers.ts';
import { showPins } from './show-pins.ts';
import { showPools } from './show-pools.ts';
import { showServers } from './show-servers.ts';
import { showActiveSockets, showSockets } from './show-sockets.ts';
import { showState } from './show-state.ts';
import { showStats, showStatsAverages, showStatsTotals, showTotals } from './show-stats.ts';
import { showUsers } from './show-users.ts';
import { showVersion } from './show-version.ts';
import { showWaits } from './show-waits.ts';
import type { Show } from './table.ts';

/** By the name behind SHOW, lower case. */
export const SHOWS: ReadonlyMap<string, Show> = new Map<string, Show>([
  ...GUC_SHOWS,
  ['active_sockets', showActiveSockets],
  ['advice', showAdvice],
  ['applications', showApplications],
  ['clients', showClients],
  ['config', showConfigTable],
  ['databases', showDatabases],
  ['dns_hosts', showDnsHosts],
  ['dns_zones', showDnsZones],
  ['events', showEvents],
  ['histograms', showHistograms],
  ['holders', showHolders],
  ['leaks', showLeaks],
  ['lists', showLists],
  ['mem', showMem],
  ['peer_pools', showPeerPools],
  ['peers', showPeers],
  ['pins', showPins],
  ['pools', showPools],
  ['servers', showServers],
  ['sockets', showSockets],
  ['state', showState],
  ['stats', showStats],
  ['stats_averages', showStatsAverages],
  ['stats_totals', showStatsTotals],
  ['totals', showTotals],
  ['users', showUsers],
  ['version', showVersion],
  ['waits', showWaits],
]);
