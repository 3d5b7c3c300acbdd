// The tables of clients and servers: filtered and sorted by the pooler, which may have ten thousand of them.

import { killClient } from './actions.js';
import { get } from './api.js';
import { h, setText } from './dom.js';
import { ago, clean, nameOf, words } from './format.js';
import { badge, makeTable } from './table.js';
import { holderTone, socketTone } from './tones.js';

/** @typedef {import('../src/http/shapes.ts').ClientTold} Client */
/** @typedef {import('../src/http/shapes.ts').ServerTold} Server */

const LIMIT = 200;
const EVERY_MS = 2_000;
const DEBOUNCE_MS = 200;

/**
 * @param {'clients' | 'servers'} name
 * @param {readonly string[]} states
 * @param {import('./state.js').State} state
 */
export function makeList(name, states, state) {
  let now = '';
  let sort = 'state';
  /** @type {'asc' | 'desc'} */
  let order = 'asc';
  let at = 0;
  let asked = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  /**
   * What it does with its server, where the last tick tells.
   * @param {Client | Server} row
   */
  function holding(row) {
    const isIt = 'serverId' in row ? row.serverId !== null : row.clientId !== null;
    return isIt
      ? state.tick?.holders.find((holder) => row.id === (name === 'clients' ? holder.clientId : holder.serverId))?.state
      : undefined;
  }

  /** @param {Client | Server} row */
  function stateText(row) {
    return `${words(holding(row) ?? row.state)}${row.closeNeeded ? ', closes' : ''}`;
  }

  /** @type {import('./table.js').Column<Client | Server>[]} */
  const columns = [
    { title: 'Id', text: ({ id }) => String(id) },
    { title: 'Application', sort: 'application', text: (row) => nameOf(row), draw: (row) => h('b', {}, nameOf(row)) },
    {
      title: 'State',
      sort: 'state',
      text: stateText,
      draw: (row) =>
        badge(stateText(row), holding(row) === undefined ? socketTone(row.state) : holderTone(holding(row) ?? '')),
    },
    { title: 'Since', sort: 'requested', kind: 'num', text: ({ requestedAt }) => ago(requestedAt, now) },
    { title: 'Database', sort: 'database', text: ({ database }) => clean(database, 64) },
    { title: 'User', sort: 'user', kind: 'low', text: ({ user }) => clean(user, 64) },
    { title: 'Address', sort: 'address', kind: 'mono low', text: ({ address, port }) => `${address}:${port}` },
    { title: 'Connected for', sort: 'connected', kind: 'num low', text: ({ connectedAt }) => ago(connectedAt, now) },
    name === 'clients'
      ? { title: 'Server', kind: 'num', text: (row) => ('serverId' in row ? String(row.serverId ?? '—') : '') }
      : { title: 'Client', kind: 'num', text: (row) => ('clientId' in row ? String(row.clientId ?? '—') : '') },
    name === 'clients'
      ? {
          title: '',
          kind: 'acts',
          text: ({ id }) => String(id),
          draw: (row) =>
            h(
              'button.small',
              { type: 'button', onclick: () => killClient({ clientId: row.id, applicationName: row.applicationName }) },
              'Close',
            ),
        }
      : { title: 'Backend', kind: 'num low', text: (row) => ('backendPid' in row ? String(row.backendPid) : '') },
  ];
  const table = makeTable({
    label: name === 'clients' ? 'Clients' : 'Servers',
    empty: `There are no ${name} like that.`,
    key: (/** @type {Client | Server} */ row) => String(row.id),
    columns,
    onSort: (column) => {
      order = sort === column && order === 'asc' ? 'desc' : 'asc';
      sort = column;
      void load();
    },
  });
  const field = /** @type {HTMLInputElement} */ (
    h('input.filter', {
      type: 'search',
      placeholder: 'Filter: application, user, database, address or id',
      'aria-label': 'Filter',
      oninput: () => {
        clearTimeout(timer);
        timer = setTimeout(() => void load(), DEBOUNCE_MS);
      },
    })
  );
  const stateSelect = /** @type {HTMLSelectElement} */ (
    h(
      'select',
      { 'aria-label': 'State', onchange: () => void load() },
      h('option', { value: '' }, 'Any state'),
      ...states.map((each) => h('option', { value: each }, words(each))),
    )
  );
  const total = h('span.total');
  const element = h(
    'div.list',
    {},
    h('div.bar-of-tools', {}, h('h1', {}, name === 'clients' ? 'Clients' : 'Servers'), field, stateSelect, total),
    h('section.card', { 'aria-label': name }, table.element),
  );

  async function load() {
    asked += 1;
    const mine = asked;
    at = Date.now();
    try {
      const query = { search: field.value.trim(), state: stateSelect.value, sort, order, limit: LIMIT };
      const told = await get(name, query);
      // An answer that was overtaken by a later one.
      if (mine !== asked) return;
      now = told.time;
      table.update(told[name]);
      table.showSort(sort, order);
      setText(
        total,
        told.total > told[name].length ? `the first ${told[name].length} of ${told.total}` : `${told.total}`,
      );
    } catch (error) {
      setText(total, error instanceof Error ? error.message : String(error));
    }
  }

  return {
    element,
    /** @param {URLSearchParams} query */
    show(query) {
      field.value = query.get('search') ?? field.value;
      stateSelect.value = query.get('state') ?? stateSelect.value;
      void load();
    },
    update() {
      if (!state.isFrozen && Date.now() - at >= EVERY_MS) void load();
    },
    focusFilter: () => field.focus(),
  };
}
