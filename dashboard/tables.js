// The tables of the first screen: holders, leaks, applications, events.

import { killClient, reclaim } from './actions.js';
import { h } from './dom.js';
import { ago, clean, clock, duration, nameOf, words } from './format.js';
import { badge, makeTable } from './table.js';
import { eventTone, holderTone, lifeTone } from './tones.js';

/** @typedef {import('../src/http/shapes.ts').HolderTold} Holder */
/** @typedef {import('../src/http/shapes.ts').ApplicationTold} Application */
/** @typedef {import('./groups.js').LeakGroup} LeakGroup */
/** @typedef {import('./groups.js').FoldedEvent} FoldedEvent */

export const UNUSED = new Set(['idle_in_transaction', 'idle_in_failed_transaction', 'half_sent_batch']);
export const SHORT_MS = 250;

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
export function holdersTable(isLeaking) {
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
export function leaksTable(now) {
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

export function applicationsTable() {
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

export function eventsTable() {
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
