// Which SHOW there is, each in a file of its own.

import { showApplications } from './show-applications.ts';
import { showClients } from './show-clients.ts';
import { showConfigTable } from './show-config.ts';
import type { ShowContext } from './show-context.ts';
import { showDatabases } from './show-databases.ts';
import { showEvents } from './show-events.ts';
import { showHelp } from './show-help.ts';
import { showHistograms } from './show-histograms.ts';
import { showHolders } from './show-holders.ts';
import { showLeaks } from './show-leaks.ts';
import { showPools } from './show-pools.ts';
import { showServers } from './show-servers.ts';
import { showVersion } from './show-version.ts';
import { showWaits } from './show-waits.ts';

/** By the name behind SHOW, lower case. */
export const SHOWS: ReadonlyMap<string, (context: ShowContext) => Buffer[]> = new Map([
  ['applications', showApplications],
  ['clients', showClients],
  ['config', showConfigTable],
  ['databases', showDatabases],
  ['events', showEvents],
  ['help', showHelp],
  ['histograms', showHistograms],
  ['holders', showHolders],
  ['leaks', showLeaks],
  ['pools', showPools],
  ['servers', showServers],
  ['version', showVersion],
  ['waits', showWaits],
]);
