// A table that is told its rows again and again, and changes only what differs: rows keep their place, focus and selection.

import { fill, h, setText } from './dom.js';

/**
 * @template R
 * @typedef {object} Column
 * @property {string} title
 * @property {(row: R) => string} [text] what it shows
 * @property {(row: R) => import('./dom.js').Child} [draw] or an element, made again only when `text` or `key` changes
 * @property {(row: R) => string} [tone] a class for the cell
 * @property {string} [kind] num, mono, wide, low (goes first where there is little room)
 * @property {string} [sort] the name by which it can be sorted
 */

/**
 * @template R
 * @param {object} options
 * @param {string} options.label
 * @param {Column<R>[]} options.columns
 * @param {(row: R) => string} options.key
 * @param {string} options.empty what stands there without rows
 * @param {(row: R) => string} [options.tone] a class for the row
 * @param {(row: R) => [string, string][]} [options.details] what a row shows when it is opened
 * @param {(sort: string) => void} [options.onSort]
 */
export function makeTable({ label, columns, key, empty, tone, details, onSort }) {
  const body = h('tbody');
  const nothing = h('p.empty', {}, empty);
  const head = columns.map((column) => {
    const { title, sort, kind = '' } = column;
    const content = sort && onSort ? h('button', { type: 'button', onclick: () => onSort(sort) }, title) : title;
    return h('th', { scope: 'col', class: kind, 'data-sort': sort }, content);
  });
  const table = h('table', { 'aria-label': label }, h('thead', {}, h('tr', {}, ...head)), body);
  const element = h('div.scroll', { tabindex: '0', role: 'region', 'aria-label': label }, table, nothing);
  /** @type {Map<string, { row: HTMLElement, more: HTMLElement | null, values: string[], data: R }>} */
  let known = new Map();

  /** @param {string} id */
  function toggle(id) {
    const entry = known.get(id);
    if (entry === undefined || details === undefined) return;
    if (entry.more !== null) {
      entry.more.remove();
      entry.more = null;
    } else {
      const list = details(entry.data).flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]);
      entry.more = h('tr.more', {}, h('td', { colspan: columns.length }, h('dl', {}, ...list)));
      entry.row.after(entry.more);
    }
    entry.row.setAttribute('aria-expanded', String(entry.more !== null));
  }

  /** @param {string} id */
  function newRow(id) {
    const cells = columns.map(({ kind = '', title }) => h('td', { class: kind, 'data-label': title }));
    if (details === undefined) return h('tr', {}, ...cells);
    return h(
      'tr.opens',
      {
        tabindex: '0',
        'aria-expanded': 'false',
        onclick: (/** @type {Event} */ event) => {
          const isControl = event.target instanceof Element && event.target.closest('button, a');
          if (!isControl && getSelection()?.isCollapsed !== false) toggle(id);
        },
        onkeydown: (/** @type {KeyboardEvent} */ event) => {
          if (event.key !== 'Enter' || event.target !== event.currentTarget) return;
          event.preventDefault();
          toggle(id);
        },
      },
      ...cells,
    );
  }

  /** @param {readonly R[]} rows */
  function update(rows) {
    const next = new Map();
    /** @type {HTMLElement | null} */
    let last = null;
    for (const data of rows) {
      const id = key(data);
      if (next.has(id)) continue;
      const entry = known.get(id) ?? { row: newRow(id), more: null, values: [], data };
      entry.data = data;
      next.set(id, entry);
      columns.forEach((column, i) => {
        const value = column.text?.(data) ?? '';
        const cell = /** @type {HTMLElement} */ (entry.row.children[i]);
        if (column.tone) cell.className = `${column.kind ?? ''} ${column.tone(data)}`;
        if (entry.values[i] === value) return;
        entry.values[i] = value;
        if (column.draw) fill(cell, column.draw(data));
        else setText(cell, value);
      });
      if (tone) entry.row.className = `${details ? 'opens' : ''} ${tone(data)}`;
      /** @type {Element | null} */
      const after = last === null ? body.firstElementChild : last.nextElementSibling;
      if (after !== entry.row) last === null ? body.prepend(entry.row) : last.after(entry.row);
      if (entry.more !== null && entry.row.nextElementSibling !== entry.more) entry.row.after(entry.more);
      last = entry.more ?? entry.row;
    }
    for (const [id, { row, more }] of known) {
      if (next.has(id)) continue;
      row.remove();
      more?.remove();
    }
    known = next;
    nothing.hidden = next.size > 0;
    table.hidden = next.size === 0;
  }

  /**
   * @param {string} sort
   * @param {'asc' | 'desc'} order
   */
  function showSort(sort, order) {
    for (const th of head) {
      const isIt = th.dataset.sort === sort;
      if (isIt) th.setAttribute('aria-sort', order === 'asc' ? 'ascending' : 'descending');
      else th.removeAttribute('aria-sort');
    }
  }

  update([]);
  return { element, update, showSort };
}

/**
 * @param {string} text
 * @param {string} tone
 */
export function badge(text, tone) {
  return h(`span.badge.${tone}`, {}, text);
}
