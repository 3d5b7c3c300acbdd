// Dialogs: a token, the keys, and each action with what it will do, before it is done.

import { ApiError, act, setToken, token } from './api.js';
import { byId, h } from './dom.js';
import { clean } from './format.js';

/** @type {import('../src/http/shapes.ts').Overview['actions']} */
let allowed = 'off';

/** @param {import('../src/http/shapes.ts').Overview['actions']} actions as the last overview said it */
export function setAllowed(actions) {
  allowed = actions;
  document.documentElement.dataset.actions = actions;
}

/**
 * @param {string} text
 * @param {'good' | 'bad'} tone
 */
export function toast(text, tone) {
  const element = h(`p.toast.${tone}`, {}, text);
  byId('toasts').append(element);
  setTimeout(() => element.remove(), tone === 'bad' ? 10_000 : 4_000);
}

/**
 * A modal dialog; fulfilled with the form's data, or null when it was left.
 * @param {string} title
 * @param {import('./dom.js').Child[]} content
 * @param {{ submit: string, tone?: string }} options
 * @returns {Promise<FormData | null>}
 */
function ask(title, content, { submit, tone = '' }) {
  return new Promise((done) => {
    const form = h(
      'form',
      { method: 'dialog' },
      h('h2', {}, title),
      ...content,
      h(
        'div.row.end',
        {},
        h('button', { type: 'button', onclick: () => dialog.close() }, 'Cancel'),
        h(`button.primary${tone === '' ? '' : `.${tone}`}`, { type: 'submit', value: 'yes' }, submit),
      ),
    );
    const dialog = /** @type {HTMLDialogElement} */ (h('dialog', {}, form));
    dialog.addEventListener('close', () => {
      const isYes = dialog.returnValue === 'yes';
      done(isYes ? new FormData(/** @type {HTMLFormElement} */ (form)) : null);
      dialog.remove();
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** @type {(() => void)[]} */
const tokenListeners = [];

/** @param {() => void} listener a token was entered */
export function onToken(listener) {
  tokenListeners.push(listener);
}

/**
 * @param {string} why
 * @returns {Promise<boolean>}
 */
export async function askForToken(why) {
  if (document.querySelector('dialog[open]') !== null) return false;
  const field = h('input', {
    name: 'token',
    type: 'password',
    autocomplete: 'off',
    'aria-label': 'Token',
    autofocus: true,
  });
  const data = await ask('Token', [h('p', {}, why), field], { submit: 'Use it' });
  if (data === null) return false;
  setToken(String(data.get('token') ?? '').trim());
  for (const listener of tokenListeners) listener();
  return true;
}

/**
 * @param {object} action
 * @param {string} action.name of the API
 * @param {object} action.body
 * @param {string} action.title
 * @param {string} action.what will happen
 * @param {string} action.submit
 * @param {string} action.done what to say when it has happened
 * @param {string} [action.type] this has to be typed first
 */
export async function perform({ name, body, title, what, submit, done, type }) {
  if (allowed === 'off') return toast('Actions are off: http_action_token is not set.', 'bad');
  if (
    allowed === 'token' &&
    !(await askForToken('Actions need the value of http_action_token. It is kept until this tab is closed.'))
  )
    return;
  const content = [h('p', {}, what)];
  if (type !== undefined) {
    const field = /** @type {HTMLInputElement} */ (
      h('input', { name: 'typed', autocomplete: 'off', autofocus: true, oninput: () => check() })
    );
    const check = () => field.setCustomValidity(field.value === type ? '' : `This is not ${clean(type)}`);
    check();
    content.push(h('label', {}, `Type ${clean(type)} to go on`, field));
  }
  const answer = await ask(title, content, { submit, tone: type === undefined ? '' : 'bad' });
  if (answer === null) return;
  try {
    const told = await act(name, body);
    toast(told.done ? done : `${done} It goes on until every transaction is over.`, 'good');
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) setToken('');
    toast(error instanceof Error ? error.message : String(error), 'bad');
  }
}

/** @param {{ clientId: number, applicationName: string }} client */
export function killClient({ clientId, applicationName }) {
  return perform({
    name: 'kill-client',
    body: { client: clientId },
    title: `Close client ${clientId}?`,
    what: `The connection of ${clean(applicationName, 64) || 'an application without a name'} is closed; what it has not committed is rolled back.`,
    submit: 'Close it',
    done: `Client ${clientId} is closed.`,
  });
}

/** @param {{ clientId: number, serverId: number, applicationName: string }} holder */
export function reclaim({ clientId, serverId, applicationName }) {
  return perform({
    name: 'reclaim',
    body: { client: clientId, server: serverId },
    title: `Take server ${serverId} back?`,
    what: `The open transaction of ${clean(applicationName, 64) || 'an application without a name'} (client ${clientId}) is rolled back. The client keeps its connection and is told at its next statement.`,
    submit: 'Take it back',
    done: `Server ${serverId} is free again.`,
  });
}

/** @type {Record<string, { title: string, what: string, submit: string, done: string, isDangerous?: boolean }>} */
const VERBS = {
  pause: {
    title: 'Pause',
    what: 'Transactions that run may end; no new one begins until it is resumed. Clients wait and keep their connections.',
    submit: 'Pause',
    done: 'Paused.',
  },
  resume: { title: 'Resume', what: 'Clients that wait are served again.', submit: 'Resume', done: 'Resumed.' },
  reconnect: {
    title: 'Replace the servers of',
    what: 'Every connection to Postgres is replaced as soon as its client lets go. No client notices.',
    submit: 'Replace them',
    done: 'The servers are being replaced.',
  },
  kill: {
    title: 'Kill',
    what: 'Every client and server connection is closed at once, whatever it does. New clients wait until it is resumed.',
    submit: 'Kill',
    done: 'Killed. Resume it to let clients in.',
    isDangerous: true,
  },
};

/**
 * @param {string} verb
 * @param {string | null} database null: all of them
 */
export function actOnDatabase(verb, database) {
  const words = VERBS[verb];
  if (words === undefined) return;
  const { title, what, submit, done, isDangerous = false } = words;
  return perform({
    name: verb,
    body: { database },
    title: `${title} ${database === null ? 'all databases' : clean(database, 64)}?`,
    what,
    submit,
    done,
    ...(isDangerous && database !== null && { type: database }),
  });
}

const KEYS = [
  ['1 … 5', 'overview, clients, servers, pools, settings'],
  ['/', 'to the filter'],
  ['p', 'hold the picture, and let it go on'],
  ['t', 'light or dark'],
  ['Enter', 'on a row: everything that is known of it'],
  ['Esc', 'close a dialog, leave the filter'],
  ['?', 'this list'],
];

export function showKeys() {
  if (document.querySelector('dialog[open]') !== null) return;
  const list = KEYS.flatMap(([key = '', what = '']) => [h('dt', {}, h('kbd', {}, key)), h('dd', {}, what)]);
  const dialog = /** @type {HTMLDialogElement} */ (
    h(
      'dialog',
      {},
      h(
        'form',
        { method: 'dialog' },
        h('h2', {}, 'Keys'),
        h('dl.keys', {}, ...list),
        h('div.row.end', {}, h('button.primary', {}, 'Close')),
      ),
    )
  );
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

export function hasToken() {
  return token() !== '';
}
