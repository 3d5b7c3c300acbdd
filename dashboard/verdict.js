// The first thing on the page: is it well, and if not, who?

import { actOnDatabase } from './actions.js';
import { h, redrawer } from './dom.js';
import { clean, duration, nameOf } from './format.js';

/** @typedef {import('../src/http/shapes.ts').Finding} Finding */
/** @typedef {import('../src/http/shapes.ts').Overview} Overview */

const WORDS = { critical: 'Critical', warning: 'Warning', notice: 'Notice' };
const ICONS = {
  well: 'M5 12.5l4.5 4.5L19 7.5',
  critical: 'M12 6v7.5M12 17.5v.1',
  warning: 'M12 6v7.5M12 17.5v.1',
  notice: 'M12 11v6.5M12 6.9v.1',
};

/** @param {keyof typeof ICONS} health */
function icon(health) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  path.setAttribute('d', ICONS[health]);
  svg.append(path);
  return svg;
}

/** @param {Finding} finding */
function fact(finding) {
  const { held, leaks, reclaimed } = finding;
  if (finding.code !== 'leak') return null;
  const facts = [
    [held ?? 0, 'servers held unused now'],
    [leaks ?? 0, 'leaks in the last minute'],
    [reclaimed ?? 0, 'taken back'],
  ];
  return h(
    'dl.facts',
    {},
    ...facts.map(([value = 0, label = '']) => h('div', {}, h('dd', {}, String(value)), h('dt', {}, String(label)))),
  );
}

/** @param {Finding} finding */
function whereOf(finding) {
  const { database, user, route } = finding;
  const parts = [
    route === undefined ? '' : `route ${clean(route, 80)}`,
    database === undefined ? '' : `pool ${clean(database, 64)}${user === undefined ? '' : ` / ${clean(user, 64)}`}`,
  ];
  return parts.filter((part) => part !== '').join(' · ');
}

/** @param {Finding} finding */
function buttons(finding) {
  if (finding.code === 'paused') {
    const resume = () => actOnDatabase('resume', finding.database ?? null);
    return h('button', { type: 'button', 'data-key': 'resume', onclick: resume }, 'Resume');
  }
  if (finding.applicationName === undefined) return null;
  const search = encodeURIComponent(finding.applicationName.slice(0, 64));
  return h('a.button', { href: `#/clients?search=${search}`, 'data-key': 'clients' }, 'Show its clients');
}

/** @param {Finding} finding */
function lead(finding) {
  const { severity, title, detail, advice, statement, applicationName } = finding;
  const name = finding.code === 'leak' && applicationName !== undefined ? nameOf({ applicationName }) : '';
  // The name stands out of its sentence.
  const rest = name !== '' && title.startsWith(name) ? title.slice(name.length) : null;
  return h(
    `section.verdict.${severity}`,
    { 'aria-label': 'Verdict', 'data-code': finding.code },
    h('div.sign', {}, icon(severity)),
    h(
      'div.say',
      {},
      h('p.over', {}, WORDS[severity], whereOf(finding) === '' ? '' : ` · ${whereOf(finding)}`),
      rest === null ? h('h1', {}, clean(title)) : h('h1', {}, h('strong', {}, name), rest),
      h('p.detail', {}, clean(detail, 400)),
      statement === undefined
        ? null
        : h(
            'figure',
            {},
            h('figcaption', {}, 'Its last statement'),
            h('pre', {}, h('code', {}, clean(statement, 600))),
          ),
      h('p.advice', {}, clean(advice, 400)),
    ),
    h('div.side', {}, fact(finding), buttons(finding)),
  );
}

/** @param {Finding} finding */
function line(finding) {
  const { severity, title, detail, statement } = finding;
  return h(
    `li.${severity}`,
    { 'data-code': finding.code },
    h('span.dot', { title: WORDS[severity] }),
    h(
      'div',
      {},
      h('b', {}, clean(title)),
      h('span', {}, ` ${clean(detail, 400)}`),
      statement === undefined ? null : h('code', {}, clean(statement, 160)),
    ),
    buttons(finding),
  );
}

/** @param {Overview} overview */
function well({ occupancy, poolSize, poolCount, times }) {
  const used = occupancy.running + occupancy.idleInTransaction + occupancy.pinned;
  const sentence =
    poolCount === 0
      ? 'No client has come yet.'
      : `${used} of ${poolSize} servers in use, nobody waits for long (p99 ${duration(times.wait.p99Ms)}), and no transaction is forgotten.`;
  return h(
    'section.verdict.well',
    { 'aria-label': 'Verdict' },
    h('div.sign', {}, icon('well')),
    h('div.say', {}, h('h1', {}, 'All is well'), h('p.detail', {}, sentence)),
  );
}

export function makeVerdict() {
  const element = h('div.verdicts', { 'aria-live': 'polite' });
  const draw = redrawer(element, (/** @type {{ overview: Overview }} */ { overview }) => {
    const [first, ...others] = overview.findings;
    if (first === undefined) return [well(overview)];
    return [lead(first), others.length === 0 ? null : h('ul.findings', {}, ...others.map(line))];
  });
  return { element, update: (/** @type {Overview} */ overview) => draw({ overview: relevant(overview) }) };
}

/**
 * What it draws, so that it is drawn again only when that changes.
 * @param {Overview} overview
 */
function relevant(overview) {
  if (overview.findings.length === 0) return overview;
  return { ...overview, time: '', uptimeMs: 0, times: overview.times, stats: overview.stats };
}
