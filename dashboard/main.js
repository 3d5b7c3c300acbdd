// Begins: views by what stands behind the # of the address, keys, and the state of the connection.

import { askForToken, hasToken, onToken, setAllowed, showKeys, toast } from './actions.js';
import { ApiError, takeTokenFromAddress } from './api.js';
import { byId, fill, h, setText } from './dom.js';
import { duration } from './format.js';
import { makeList } from './lists.js';
import { makeOverview } from './overview.js';
import { makePools } from './pools.js';
import { makeSettings } from './settings.js';
import { State } from './state.js';

const CLIENT_STATES = ['waiting', 'active', 'idle', 'login'];
const SERVER_STATES = ['active', 'idle', 'used', 'tested', 'being_canceled', 'new'];
/** Ticks come once a second. */
const STALE_MS = 3_500;

takeTokenFromAddress();
const main = byId('main');
const live = byId('live');
const state = new State(() => requestAnimationFrame(update));
const overview = makeOverview(state);
const views = {
  overview: { ...overview, show() {}, focusFilter() {} },
  clients: makeList('clients', CLIENT_STATES, state),
  servers: makeList('servers', SERVER_STATES, state),
  pools: makePools(state),
  settings: makeSettings(),
};
/** @typedef {keyof typeof views} ViewName */
/** @type {ViewName | null} */
let current = null;
let hasAsked = false;

/** @returns {{ name: ViewName, query: URLSearchParams }} */
function route() {
  const [path = '', query = ''] = location.hash.replace(/^#\/?/, '').split('?');
  const name = Object.hasOwn(views, path) ? /** @type {ViewName} */ (path) : 'overview';
  return { name, query: new URLSearchParams(query) };
}

function navigate() {
  const { name, query } = route();
  current = name;
  for (const tab of document.querySelectorAll('[data-view]')) {
    if (/** @type {HTMLElement} */ (tab).dataset.view === name) tab.setAttribute('aria-current', 'page');
    else tab.removeAttribute('aria-current');
  }
  document.title = name === 'overview' ? 'pgsluice' : `${name} · pgsluice`;
  fill(main, trouble, views[name].element);
  void views[name].show(query);
  update();
}

const trouble = h('div.trouble', { role: 'alert', hidden: true });

/** What the page can't hide: that it shows the past, or nothing. */
function tellConnection() {
  const { error, tick, heardAt, isFrozen } = state;
  const silence = Date.now() - heardAt;
  const isStale = error !== null || (tick !== null && silence > STALE_MS);
  live.className = `live ${isStale ? 'stale' : isFrozen ? 'frozen' : tick === null ? '' : 'on'}`;
  setText(live, isStale ? 'no answer' : isFrozen ? 'held' : tick === null ? 'connecting' : 'live');
  trouble.hidden = !isStale;
  document.body.classList.toggle('old', isStale && tick !== null);
  if (!isStale) return;
  const why = error instanceof ApiError ? error.message : 'The pooler does not answer.';
  setText(trouble, tick === null ? why : `${why} What you see is ${duration(silence)} old.`);
  if (error instanceof ApiError && error.status === 401 && !hasAsked) {
    hasAsked = true;
    void askForToken(
      hasToken()
        ? 'This token is not the right one.'
        : 'Reading needs the value of http_read_token. It is kept until this tab is closed.',
    ).finally(() => {
      hasAsked = false;
    });
  }
}

function update() {
  tellConnection();
  const { tick } = state;
  if (tick !== null) {
    setAllowed(tick.overview.actions);
    document.documentElement.dataset.health = tick.overview.health;
    const mark = { well: '', notice: '', warning: '⚠ ', critical: '● ' }[tick.overview.health];
    document.title = `${mark}pgsluice${current === 'overview' || current === null ? '' : ` · ${current}`}`;
  }
  if (current !== null) views[current].update();
}

function freeze() {
  state.isFrozen = !state.isFrozen;
  byId('freeze').setAttribute('aria-pressed', String(state.isFrozen));
  update();
}

function switchTheme() {
  const root = document.documentElement;
  root.dataset.theme = root.dataset.theme === 'dark' ? 'light' : 'dark';
  localStorage.setItem('pgsluice.theme', root.dataset.theme);
  overview.repaint();
}

/** @param {KeyboardEvent} event */
function onKey(event) {
  const { target, key } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]') !== null) return;
  const isTyping = target instanceof HTMLInputElement || target instanceof HTMLSelectElement;
  if (key === 'Escape' && isTyping) target.blur();
  if (isTyping) return;
  const name = Object.keys(views)[Number(key) - 1];
  if (/^[1-5]$/.test(key)) location.hash = `#/${name}`;
  else if (key === '/' && current !== null) views[current].focusFilter();
  else if (key === 'p') freeze();
  else if (key === 't') switchTheme();
  else if (key === '?') showKeys();
  else return;
  event.preventDefault();
}

byId('freeze').addEventListener('click', freeze);
byId('theme').addEventListener('click', switchTheme);
byId('help').addEventListener('click', showKeys);
byId('key').addEventListener(
  'click',
  () => void askForToken('http_read_token for reading, http_action_token for actions. Empty: forget it.'),
);
addEventListener('keydown', onKey);
addEventListener('hashchange', () => {
  takeTokenFromAddress();
  navigate();
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => overview.repaint());
onToken(() => {
  state.connect();
  toast('The token is used from now on.', 'good');
});
setInterval(tellConnection, 1_000);
navigate();
state.connect();
