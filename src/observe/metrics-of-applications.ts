// Metrics by application_name: who leaks, who holds, who makes others wait. Names come from strangers; see label-names.ts.

import type { Families } from './families.ts';
import type { Observer } from './observer.ts';
import type { Picture } from './picture.ts';
import { applicationRows } from './snapshot.ts';

export function addApplications(families: Families, observer: Observer, picture: () => Picture): void {
  families.add(
    'counter',
    {
      name: 'pgsluice_leaks_total',
      help: 'Servers that were held and not used, by kind, by what became of it (leaked: found; reclaimed: taken back) and application.',
      labels: ['kind', 'life', 'application_name'],
    },
    (add) => {
      const { labels } = picture();
      for (const [key, count] of observer.leaks) {
        const [kind = 'other', life = 'other', application = 'other'] = key.split('\0');
        add([kind, life, labels.application(application)], count);
      }
    },
  );
  families.add(
    'counter',
    {
      name: 'pgsluice_application_held_seconds_total',
      help: 'Time that the application held servers, by what it did with them: used, or silent inside a transaction.',
      labels: ['application_name', 'state'],
    },
    (add) => {
      const { snapshot, labels } = picture();
      for (const { application, heldMs, idleMs } of applicationRows(snapshot)) {
        const name = labels.application(application);
        add([name, 'used'], (heldMs - idleMs) / 1000);
        add([name, 'idle_in_transaction'], idleMs / 1000);
      }
    },
  );
  families.add(
    'counter',
    {
      name: 'pgsluice_application_waits_caused_seconds_total',
      help: 'Time that others waited while the application held servers and was silent inside a transaction.',
      labels: ['application_name'],
    },
    (add) => {
      const { snapshot, labels } = picture();
      for (const { application, waitsCausedMs } of applicationRows(snapshot))
        add([labels.application(application)], waitsCausedMs / 1000);
    },
  );
  families.add(
    'gauge',
    {
      name: 'pgsluice_application_clients',
      help: 'Clients of the application, by state as in SHOW CLIENTS.',
      labels: ['application_name', 'state'],
    },
    (add) => {
      const { clients, labels } = picture();
      for (const { application, state, count } of clients) add([labels.application(application), state], count);
    },
  );
}
