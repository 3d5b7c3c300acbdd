// The first screen: the verdict, the numbers, the last minutes, and who holds what.

import { makeAdvice } from './advice.js';
import { h, setText } from './dom.js';
import { clean } from './format.js';
import { foldEvents, groupLeaks } from './groups.js';
import { makePlots } from './plots.js';
import { applicationsTable, eventsTable, holdersTable, leaksTable, SHORT_MS, UNUSED } from './tables.js';
import { makeTiles, processLine } from './tiles.js';
import { makeVerdict } from './verdict.js';

/** @typedef {import('../src/http/shapes.ts').Tick} Tick */

const MAX_ROWS = 12;
const MAX_EVENT_ROWS = 60;

/** @param {string} title @param {{ element: HTMLElement }} table @param {string} [className] */
const card = (title, table, className = '') =>
  h('section', { class: `card ${className}`, 'aria-label': title }, h('header', {}, h('h2', {}, title)), table.element);

const RANGES = /** @type {const} */ ([
  [60, '1 min'],
  [300, '5 min'],
  [900, '15 min'],
]);

/** @param {import('./state.js').State} state */
export function makeOverview(state) {
  const verdict = makeVerdict();
  const tiles = makeTiles();
  const plots = makePlots(() => state.events);
  const holders = holdersTable(
    ({ state: it, silentMs, applicationName, database }) =>
      UNUSED.has(it) &&
      silentMs >= SHORT_MS &&
      state.tick?.overview.findings.some(
        (finding) =>
          finding.code === 'leak' &&
          finding.severity !== 'notice' &&
          finding.applicationName === applicationName &&
          finding.database === database,
      ) === true,
  );
  const leaks = leaksTable(() => state.tick?.overview.time ?? '');
  const applications = applicationsTable();
  const advice = makeAdvice();
  const events = eventsTable();
  const waits = /** @type {HTMLInputElement} */ (h('input', { type: 'checkbox', onchange: () => update() }));
  const foot = h('p.foot');
  let seconds = Number(localStorage.getItem('pgsluice.range')) || 300;
  const ranges = RANGES.map(([value, label]) =>
    h('button', { type: 'button', 'aria-pressed': String(value === seconds), onclick: () => choose(value) }, label),
  );

  /** @param {number} value */
  function choose(value) {
    seconds = value;
    localStorage.setItem('pgsluice.range', String(value));
    RANGES.forEach(([each], i) => {
      ranges[i]?.setAttribute('aria-pressed', String(each === value));
    });
    update();
  }

  const select = /** @type {HTMLSelectElement} */ (
    h('select', { 'aria-label': 'Pool', onchange: () => state.choosePool(select.value) })
  );
  let options = '';
  /** @param {Tick} tick */
  function offerPools({ pools }) {
    const keys = pools.map(({ database, user }) => JSON.stringify([database, user]));
    if (keys.join() === options) return;
    options = keys.join();
    select.replaceChildren(
      h('option', { value: '' }, 'All pools'),
      ...pools.map(({ database, user }, i) =>
        h('option', { value: keys[i] }, `${clean(database, 40)} / ${clean(user, 40)}`),
      ),
    );
    select.value = keys.includes(state.poolKey) ? state.poolKey : '';
  }

  const eventsCard = card('Events', events, 'tall');
  eventsCard.querySelector('header')?.append(h('label.check', {}, waits, ' every wait, too'));
  const element = h(
    'div.overview',
    {},
    verdict.element,
    tiles.element,
    h(
      'div.bar-of-tools',
      {},
      h('label', {}, 'Pool ', select),
      h('div.segmented', { role: 'group', 'aria-label': 'Time range' }, ...ranges),
    ),
    h('div.two', {}, ...plots.elements),
    card('Who holds servers now', holders, 'holders'),
    h('div.two', {}, card('Latest leaks', leaks), card('Applications', applications)),
    card('Advice', advice),
    eventsCard,
    foot,
  );

  /** @param {{ database: string, user: string }} row */
  const isMeant = (row) =>
    state.pool === null || (row.database === state.pool.database && row.user === state.pool.user);

  function update() {
    const { tick } = state;
    if (tick === null) return;
    offerPools(tick);
    const pool = tick.pools.find((row) => state.pool !== null && isMeant(row));
    const scope = pool ?? tick.overview;
    verdict.update(tick.overview);
    tiles.update(tick, scope);
    plots.update(state.samples, seconds, scope.poolSize);
    holders.update(tick.holders.filter(isMeant).slice(0, MAX_ROWS));
    leaks.update(groupLeaks(tick.leaks.filter(({ holder }) => isMeant(holder))).slice(0, MAX_ROWS));
    applications.update(tick.applications.slice(0, MAX_ROWS));
    advice.update(tick.advice.filter(isMeant));
    events.update(foldEvents(state.events, waits.checked).slice(0, MAX_EVENT_ROWS));
    setText(foot, processLine(tick.overview));
  }
  return { element, update, repaint: () => plots.repaint() };
}
