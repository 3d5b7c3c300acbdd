// What the size of each pool should be, and how that was found.

import { h, redrawer } from './dom.js';
import { clean } from './format.js';

/** @typedef {import('../src/http/shapes.ts').AdviceTold} Advice */

/** @type {Record<string, string>} */
const TONES = { fits: 'good', too_little_seen: 'rest', too_large: 'notice' };

/** @param {Advice} row */
function line({ database, user, cause, title, arithmetic, advice, change, confidence }) {
  return h(
    `li.${TONES[cause] ?? 'warning'}`,
    { 'data-cause': cause },
    h(
      'div',
      {},
      h('b', {}, clean(title, 300)),
      h('small', {}, ` ${clean(database, 64)} / ${clean(user, 64)}`),
      h('p', {}, clean(arithmetic, 800)),
      cause === 'fits' ? null : h('p', {}, clean(advice, 400)),
    ),
    h(
      'div.row.end',
      {},
      change === null ? null : h('code', {}, change),
      confidence === 'none' ? null : h('small', {}, `${confidence} confidence`),
    ),
  );
}

export function makeAdvice() {
  const element = h('ul.advice');
  const draw = redrawer(element, (/** @type {Advice[]} */ rows) =>
    rows.length === 0 ? [h('li.rest', {}, h('div', {}, 'Nothing was seen yet.'))] : rows.map(line),
  );
  return { element, update: draw };
}
