// Every pool, with what can be done to its database.

import { actOnDatabase } from './actions.js';
import { h } from './dom.js';
import { clean, count, duration } from './format.js';
import { badge, makeTable } from './table.js';

/** @typedef {import('../src/http/shapes.ts').PoolTold} Pool */

/** @type {Record<string, string>} */
const TONES = { running: 'good', pausing: 'warn', paused: 'warn', draining: 'warn', closed: 'rest' };
const VERBS = { pause: 'Pause', reconnect: 'Reconnect', kill: 'Kill' };

/**
 * @param {Pool} pool
 * @param {boolean} isAllPaused PAUSE without a name is ended by RESUME without one
 */
function acts({ database, state }, isAllPaused) {
  const verbs = state === 'running' ? VERBS : { resume: 'Resume', ...VERBS };
  return h(
    'span.row.end',
    {},
    ...Object.entries(verbs).map(([verb, label]) =>
      h(
        verb === 'kill' ? 'button.small.bad' : 'button.small',
        { type: 'button', onclick: () => actOnDatabase(verb, verb === 'resume' && isAllPaused ? null : database) },
        label,
      ),
    ),
  );
}

/** @param {Pool} pool */
function bar({ occupancy, poolSize }) {
  const most = Math.max(
    poolSize,
    occupancy.running + occupancy.idleInTransaction + occupancy.pinned + occupancy.idle,
    1,
  );
  const part = (/** @type {string} */ tone, /** @type {number} */ value) => {
    const element = h(`i.${tone}`);
    element.style.width = `${(value / most) * 100}%`;
    return element;
  };
  return h(
    'div.bar',
    {},
    part('run', occupancy.running),
    part('hold', occupancy.idleInTransaction),
    part('pin', occupancy.pinned),
    part('free', occupancy.idle),
  );
}

/** @param {import('./state.js').State} state */
export function makePools(state) {
  const isAllPaused = () => state.tick?.overview.state === 'paused';
  const table = makeTable({
    label: 'Pools',
    empty: 'No client has come yet: a pool begins with its first one.',
    key: (/** @type {Pool} */ row) => JSON.stringify([row.database, row.user]),
    tone: ({ isAway }) => (isAway ? 'bad' : ''),
    details: (row) => [
      ['Last login error', row.lastLoginError === null ? 'none' : clean(row.lastLoginError, 400)],
      [
        'Pinned',
        Object.entries(row.pinned)
          .map(([reason, number]) => `${reason} ${number}`)
          .join(', ') || 'none',
      ],
      ...Object.entries(row.stats).map(
        ([name, value]) => /** @type {[string, string]} */ ([name, String(Math.round(value))]),
      ),
    ],
    columns: [
      {
        title: 'Database',
        text: ({ database }) => clean(database, 64),
        draw: ({ database }) => h('b', {}, clean(database, 64)),
      },
      { title: 'User', text: ({ user }) => clean(user, 64) },
      {
        title: 'State',
        text: (row) => `${row.state}${row.isAway}`,
        draw: ({ state: it, isAway }) => (isAway ? badge('Postgres is away', 'bad') : badge(it, TONES[it] ?? 'rest')),
      },
      { title: 'Mode', kind: 'low', text: ({ poolMode }) => poolMode },
      {
        title: 'Servers',
        kind: 'bar-cell',
        text: ({ occupancy, poolSize }) => JSON.stringify([occupancy, poolSize]),
        draw: bar,
      },
      {
        title: 'In use',
        kind: 'num',
        text: ({ occupancy: o, poolSize }) => `${o.running + o.idleInTransaction + o.pinned} of ${poolSize}`,
      },
      { title: 'Clients', kind: 'num low', text: ({ clients }) => String(clients.active + clients.idle) },
      {
        title: 'Waiting',
        kind: 'num',
        text: ({ clients }) => String(clients.waiting),
        tone: ({ clients }) => (clients.waiting > 0 ? 'bad-text' : ''),
      },
      { title: 'Wait p99', kind: 'num', text: ({ times }) => duration(times.wait.p99Ms) },
      { title: 'Transaction p99', kind: 'num low', text: ({ times }) => duration(times.transaction.p99Ms) },
      { title: 'Transactions', kind: 'num low', text: ({ stats }) => count(stats.xactCount ?? 0) },
      {
        title: '',
        kind: 'acts',
        text: ({ state: it }) => `${it}${isAllPaused()}`,
        draw: (row) => acts(row, isAllPaused()),
      },
    ],
  });
  const element = h(
    'div.list',
    {},
    h('div.bar-of-tools', {}, h('h1', {}, 'Pools')),
    h('section.card', { 'aria-label': 'Pools' }, table.element),
  );
  return { element, show() {}, update: () => table.update(state.tick?.pools ?? []), focusFilter() {} };
}
