// The way to the API: a token where one is needed, and the stream of ticks, which comes back by itself.

/** @typedef {import('../src/http/shapes.ts').Tick} Tick */

const KEY = 'pgsluice.token';
const RETRY_MS = 1_000;
/** Ticks come once a second: a stream that is silent for longer is dead, whatever the network says. */
const SILENT_MS = 5_000;

export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {string} message
   */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export function token() {
  return sessionStorage.getItem(KEY) ?? '';
}

/** @param {string} text */
export function setToken(text) {
  if (text === '') sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, text);
}

/** A link may bring the token behind the #, which no server sees; the address bar and the history are not to keep it. */
export function takeTokenFromAddress() {
  const match = /[#&]token=([^&]+)/.exec(location.hash);
  if (match?.[1] === undefined) return;
  setToken(decodeURIComponent(match[1]));
  history.replaceState(null, '', `${location.pathname}#/overview`);
}

/** @returns {Record<string, string>} */
function headers() {
  return token() === '' ? {} : { authorization: `Bearer ${token()}` };
}

/** @param {Response} response */
async function checked(response) {
  if (response.ok) return response;
  const told = await response.json().catch(() => ({}));
  throw new ApiError(response.status, told.message ?? response.statusText);
}

/**
 * @param {string} name
 * @param {Record<string, string | number | undefined>} [query]
 */
export async function get(name, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  const search = new URLSearchParams(given.map(([key, value]) => [key, String(value)]));
  const response = await fetch(`/api/v1/${name}?${search}`, { headers: headers() });
  return (await checked(response)).json();
}

/**
 * @param {string} name
 * @param {object} body
 */
export async function act(name, body) {
  const response = await fetch(`/api/v1/actions/${name}`, {
    method: 'POST',
    headers: { ...headers(), 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return (await checked(response)).json();
}

/**
 * EventSource can't carry a token, so the stream is read by hand.
 * @param {{ database?: string, user?: string }} query
 * @param {{ tick(tick: Tick): void, lost(error: unknown): void, open(): void }} listener
 * @returns {() => void} ends it
 */
export function stream(query, listener) {
  const end = new AbortController();
  void (async () => {
    while (!end.signal.aborted) {
      try {
        await readStream(query, listener, end.signal);
        listener.lost(new Error('the stream has ended'));
      } catch (error) {
        if (!end.signal.aborted) listener.lost(error);
      }
      await new Promise((done) => setTimeout(done, RETRY_MS));
    }
  })();
  return () => end.abort();
}

/**
 * @param {{ database?: string, user?: string }} query
 * @param {{ tick(tick: Tick): void, open(): void }} listener
 * @param {AbortSignal} end
 */
async function readStream(query, listener, end) {
  const silent = new AbortController();
  let timer = setTimeout(() => silent.abort(), SILENT_MS);
  try {
    const response = await checked(
      await fetch(`/api/v1/stream?${new URLSearchParams(query)}`, {
        headers: headers(),
        signal: AbortSignal.any([end, silent.signal]),
      }),
    );
    if (response.body === null) return;
    listener.open();
    let rest = '';
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      clearTimeout(timer);
      timer = setTimeout(() => silent.abort(), SILENT_MS);
      const messages = (rest + part.value).split('\n\n');
      rest = messages.pop() ?? '';
      for (const message of messages) if (message.startsWith('data: ')) listener.tick(JSON.parse(message.slice(6)));
    }
  } finally {
    clearTimeout(timer);
  }
}
