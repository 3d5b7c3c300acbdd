// Which states are good, bad or neither: one place for the colours of badges, plots and marks.

/** @type {Record<string, string>} */
const HOLDERS = {
  running: 'run',
  copy: 'run',
  reading: 'run',
  asked: 'run',
  idle_in_transaction: 'hold',
  idle_in_failed_transaction: 'hold',
  half_sent_batch: 'hold',
  pinned: 'pin',
  session: 'pin',
};

/** @type {Record<string, string>} */
const SOCKETS = {
  active: 'run',
  active_cancel: 'run',
  active_cancel_req: 'run',
  waiting: 'bad',
  waiting_cancel_req: 'bad',
  being_canceled: 'warn',
  tested: 'rest',
  used: 'rest',
  idle: 'rest',
  login: 'rest',
  new: 'rest',
};

/** @type {Record<string, string>} */
const LIVES = { leaked: 'bad', reclaimed: 'good', returned_late: 'warn', client_gone: 'rest' };

/** @type {Record<string, string>} */
const EVENTS = {
  bug: 'bad',
  client_refused: 'warn',
  error: 'warn',
  kill: 'bad',
  leak: 'bad',
  leak_client_gone: 'rest',
  pause: 'warn',
  queue_full: 'bad',
  reclaim: 'hold',
  returned_late: 'warn',
  server_closed: 'warn',
  server_login_failed: 'bad',
  shed: 'bad',
  shutdown: 'bad',
  stall: 'bad',
  suspect: 'warn',
  wait_timeout: 'bad',
};

/** @param {string} state */
export const holderTone = (state) => HOLDERS[state] ?? 'rest';
/** @param {string} state */
export const socketTone = (state) => SOCKETS[state] ?? 'rest';
/** @param {string} life */
export const lifeTone = (life) => LIVES[life] ?? 'rest';
/** @param {string} kind */
export const eventTone = (kind) => EVENTS[kind] ?? 'rest';
