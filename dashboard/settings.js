// Every setting in force, beside its default.

import { get } from './api.js';
import { h, setText } from './dom.js';
import { makeTable } from './table.js';

/** @typedef {import('../src/http/shapes.ts').SettingTold} Setting */

export function makeSettings() {
  /** @type {Setting[]} */
  let settings = [];
  const table = makeTable({
    label: 'Settings',
    empty: 'There is no setting like that.',
    key: (/** @type {Setting} */ row) => row.key,
    tone: ({ isDefault }) => (isDefault ? '' : 'changed'),
    details: ({ doc, differs, reload, topic }) => [
      ['What it does', doc],
      ...(differs === null ? [] : [/** @type {[string, string]} */ (['Differs from PgBouncer', differs])]),
      [
        'A new value holds',
        {
          live: 'from the next reload on',
          drain: 'from the next reload on, for new servers',
          restart: 'after a restart',
        }[reload],
      ],
      ['Topic', topic],
    ],
    columns: [
      { title: 'Setting', kind: 'mono', text: ({ key }) => key },
      {
        title: 'Value',
        kind: 'mono',
        text: ({ value }) => value || '—',
        draw: ({ value, isDefault }) => h(isDefault ? 'span' : 'b', {}, value || '—'),
      },
      { title: 'Default', kind: 'mono low', text: (row) => row.default || '—' },
      { title: 'What it does', kind: 'wide', text: ({ doc }) => doc },
    ],
  });
  const field = /** @type {HTMLInputElement} */ (
    h('input.filter', {
      type: 'search',
      placeholder: 'Filter: a part of the name or of what it does',
      'aria-label': 'Filter',
      oninput: draw,
    })
  );
  const only = /** @type {HTMLInputElement} */ (h('input', { type: 'checkbox', onchange: draw }));
  const file = h('span.total');
  const element = h(
    'div.list',
    {},
    h(
      'div.bar-of-tools',
      {},
      h('h1', {}, 'Settings'),
      field,
      h('label.check', {}, only, ' only those that differ from their default'),
      file,
    ),
    h('section.card', { 'aria-label': 'Settings' }, table.element),
  );

  function draw() {
    const wanted = field.value.trim().toLowerCase();
    const isWanted = (/** @type {Setting} */ { key, doc, isDefault }) =>
      (!only.checked || !isDefault) && `${key} ${doc}`.toLowerCase().includes(wanted);
    table.update(settings.filter(isWanted));
  }

  return {
    element,
    show: async () => {
      try {
        const told = await get('settings');
        settings = told.settings;
        setText(file, told.file ?? '');
        draw();
      } catch (error) {
        setText(file, error instanceof Error ? error.message : String(error));
      }
    },
    update() {},
    focusFilter: () => field.focus(),
  };
}
