// The first screen: the verdict, the numbers, the last minutes, and who holds what.

import { killClient, reclaim } from './actions.js';
import { h, setText } from './dom.js';
import { ago, clean, clock, duration, nameOf, words } from './format.js';
import { foldEvents, groupLeaks } from './groups.js';
import { makePlots } from './plots.js';
import { badge, makeTable } from './table.js';
import { makeTiles, processLine } from './tiles.js';
import { eventTone, holderTone, lifeTone } from './tones.js';
import { makeVerdict } from './verdict.js';

/** @typedef {import('../src/http/shapes.ts').Tick} Tick */
/** @typedef {import('./groups.js').LeakGroup} LeakGroup */
/** @typedef {import('./groups.js').FoldedEvent} FoldedEvent */
/** @typedef {import('../src/http/shapes.ts').HolderTold} Holder */
/** @typedef {import('../src/http/shapes.ts').ApplicationTold} Application */

const UNUSED = new Set(['idle_in_transaction', 'idle_in_failed_transaction', 'half_sent_batch']);
const MAX_ROWS = 12;
const MAX_EVENT_ROWS = 60;
const SHORT_MS = 250;

/** @param {{ applicationName: string, user: string, address: string, tags: Record<string, string> }} row */
function who(row) {
  const { route } = row.tags;
  return h('span.who', {}, h('b', {}, nameOf(row)), route === undefined ? null : h('small', {}, clean(route, 80)));
}

/** @param {string} statement */
function code(statement) {
  return h('code', { title: clean(statement, 1_000) }, clean(statement, 300) || '—');
}

/** @param {Omit<Holder, 'leak'>} row @returns {[string, string][]} */
function detailsOf(row) {
  return [
    ['Statement', clean(row.statement, 2_000)],
    ['Application', nameOf(row)],
    ['Database, user', `${clean(row.database)} / ${clean(row.user)}`],
    [
      'Client',
      `${row.clientId}, ${row.address}:${row.port}${row.processId === null ? '' : `, process ${row.processId}`}`,
    ],
    ['Server', `${row.serverId}, backend ${row.backendPid}`],
    ['Since it holds it', `${row.statements} statements, ${row.bytes} bytes`],
    ...(row.pins.length > 0 ? [/** @type {[string, string]} */ (['Pinned by', row.pins.map(words).join(', ')])] : []),
    ...Object.entries(row.tags).map(([name, value]) => /** @type {[string, string]} */ ([name, clean(value)])),
  ];
}

/** @param {Holder} row */
function holderState({ state, leak, silentMs }) {
  if (leak === 'leaked') return badge(`leaked: ${words(state)}`, 'bad');
  // A pause of a moment inside a transaction is how applications work.
  if (UNUSED.has(state) && silentMs < SHORT_MS) return badge(words(state), 'rest');
  return badge(words(state), leak === 'suspect' ? 'warn' : holderTone(state));
}

/**
 * @param {(row: Holder) => boolean} isLeaking its application is known to leak
 */
function holdersTable(isLeaking) {
  return makeTable({
    label: 'Who holds servers',
    empty: 'No server is held at this moment.',
    key: (/** @type {Holder} */ row) => `${row.serverId} ${row.clientId}`,
    tone: (row) => (row.leak === 'leaked' || isLeaking(row) ? 'bad' : ''),
    details: detailsOf,
    columns: [
      { title: 'Application', text: (row) => nameOf(row) + (row.tags.route ?? ''), draw: who },
      {
        title: 'State',
        text: ({ state, leak, silentMs }) => `${state} ${leak} ${silentMs < SHORT_MS}`,
        draw: holderState,
      },
      { title: 'Silent', kind: 'num', text: ({ state, silentMs }) => (UNUSED.has(state) ? duration(silentMs) : '') },
      { title: 'Held', kind: 'num low', text: ({ heldMs }) => duration(heldMs) },
      {
        title: 'Last statement',
        kind: 'mono wide',
        text: ({ statement }) => statement,
        draw: ({ statement }) => code(statement),
      },
      {
        title: '',
        kind: 'acts',
        text: ({ state }) => String(UNUSED.has(state)),
        draw: (row) =>
          h(
            'span.row.end',
            {},
            UNUSED.has(row.state)
              ? h(
                  'button.small',
                  { type: 'button', title: 'Roll back and take the server back', onclick: () => reclaim(row) },
                  'Take back',
                )
              : null,
            h('button.small', { type: 'button', title: 'Close its client', onclick: () => killClient(row) }, 'Close'),
          ),
      },
    ],
  });
}

/** @param {() => string} now */
function leaksTable(now) {
  return makeTable({
    label: 'Latest leaks',
    empty: 'No leak since the start.',
    key: (/** @type {LeakGroup} */ row) => row.key,
    tone: ({ held }) => (held > 0 ? 'bad' : ''),
    details: ({ newest, longestMs }) => [
      ...detailsOf(newest.holder),
      ['Found', `${ago(newest.foundAt, now())} ago, allowed silence ${duration(newest.allowedMs)}`],
      ['Waiting clients then', String(newest.waiting)],
      ['Longest silence', duration(longestMs)],
    ],
    columns: [
      { title: 'Application', text: ({ newest }) => nameOf(newest.holder), draw: ({ newest }) => who(newest.holder) },
      { title: 'Leaks', kind: 'num', text: ({ count }) => String(count) },
      {
        title: 'What became of them',
        text: ({ lives }) => JSON.stringify(lives),
        draw: ({ lives }) =>
          h(
            'span.row',
            {},
            ...lives.map(([life, number]) =>
              badge(`${number} ${life === 'leaked' ? 'still held' : words(life)}`, lifeTone(life)),
            ),
          ),
      },
      { title: 'Last one', kind: 'num low', text: ({ newest }) => `${ago(newest.foundAt, now())} ago` },
      {
        title: 'Last statement',
        kind: 'mono wide',
        text: ({ newest }) => newest.holder.statement,
        draw: ({ newest }) => code(newest.holder.statement),
      },
    ],
  });
}

function applicationsTable() {
  return makeTable({
    label: 'Applications',
    empty: 'No application has held a server yet.',
    key: (/** @type {Application} */ row) => `${row.applicationName}\0${row.route}`,
    columns: [
      {
        title: 'Application',
        text: (row) => nameOf(row) + row.route,
        draw: (row) =>
          h('span.who', {}, h('b', {}, nameOf(row)), row.route === '' ? null : h('small', {}, clean(row.route, 80))),
      },
      { title: 'Held', kind: 'num', text: ({ heldMs }) => duration(heldMs) },
      {
        title: 'of it silent',
        kind: 'num low',
        text: ({ heldMs, idleMs }) => (heldMs === 0 ? '' : `${Math.round((idleMs / heldMs) * 100)} %`),
      },
      {
        title: 'Made others wait',
        kind: 'num',
        text: ({ waitsCausedMs }) => (waitsCausedMs < 1 ? '—' : duration(waitsCausedMs)),
        tone: ({ waitsCausedMs }) => (waitsCausedMs >= 1_000 ? 'bad-text' : ''),
      },
      {
        title: 'Leaks',
        kind: 'num',
        text: ({ leaks }) => (leaks === 0 ? '—' : String(leaks)),
        tone: ({ leaks }) => (leaks > 0 ? 'bad-text' : ''),
      },
    ],
  });
}

function eventsTable() {
  return makeTable({
    label: 'Events',
    empty: 'Nothing has happened yet.',
    key: (/** @type {FoldedEvent} */ row) => String(row.first),
    columns: [
      { title: 'Time', kind: 'num', text: ({ time }) => clock(time) },
      { title: 'Event', text: eventText, draw: (row) => badge(eventText(row), eventTone(row.kind)) },
      { title: 'Application', text: ({ applicationName = '' }) => clean(applicationName, 40) },
      {
        title: 'What',
        kind: 'wide',
        text: ({ cause = '', text = '', durationMs = 0 }) =>
          [words(clean(cause, 63)), durationMs > 0 ? duration(durationMs) : '', clean(text, 160)]
            .filter((part) => part !== '')
            .join(' · '),
      },
    ],
  });
}

/** @param {FoldedEvent} row */
function eventText({ kind, count }) {
  return `${words(kind)}${count > 1 ? ` × ${count}` : ''}`;
}

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
    events.update(foldEvents(state.events, waits.checked).slice(0, MAX_EVENT_ROWS));
    setText(foot, processLine(tick.overview));
  }
  return { element, update, repaint: () => plots.repaint() };
}
