// What is alike becomes one row: a leak that repeats is one leak to whoever mends it.

/** @typedef {import('../src/http/shapes.ts').LeakTold} Leak */
/** @typedef {import('../src/http/shapes.ts').EventTold} EventTold */
/** @typedef {{ key: string, newest: Leak, count: number, held: number, longestMs: number, lives: [Leak['life'], number][] }} LeakGroup */
/** @typedef {EventTold & { first: number }} FoldedEvent */

/** Events alike with so much time between them are one row. */
const GAP_MS = 5_000;
const COUNTLESS = new Set(['wait']);

/**
 * By application, route and statement; those first that still hold a server, then the newest.
 * @param {readonly Leak[]} leaks newest first
 * @returns {LeakGroup[]}
 */
export function groupLeaks(leaks) {
  /** @type {Map<string, Leak[]>} */
  const groups = new Map();
  for (const leak of leaks) {
    const { database, user, applicationName, tags, statement } = leak.holder;
    const key = JSON.stringify([database, user, applicationName, tags.route, statement]);
    groups.set(key, [...(groups.get(key) ?? []), leak]);
  }
  return [...groups].map(([key, alike]) => groupOf(key, alike)).sort((a, b) => b.held - a.held);
}

/**
 * @param {string} key
 * @param {Leak[]} alike
 * @returns {LeakGroup}
 */
function groupOf(key, alike) {
  /** @type {Map<Leak['life'], number>} */
  const lives = new Map();
  for (const { life } of alike) lives.set(life, (lives.get(life) ?? 0) + 1);
  const newest = /** @type {Leak} */ (alike[0]);
  const longestMs = Math.max(...alike.map(({ holder }) => holder.silentMs));
  return { key, newest, count: alike.length, held: lives.get('leaked') ?? 0, longestMs, lives: [...lives] };
}

/**
 * @param {readonly EventTold[]} events oldest first
 * @param {boolean} withAll those too that are too common to be news
 * @returns {FoldedEvent[]} newest first
 */
export function foldEvents(events, withAll) {
  /** @type {FoldedEvent[]} */
  const folded = [];
  for (const event of events) {
    if (!withAll && COUNTLESS.has(event.kind)) continue;
    const alike = folded.findLast((before) => isAlike(before, event));
    if (alike === undefined) folded.push({ ...event, first: event.sequence });
    else Object.assign(alike, { ...event, count: alike.count + event.count, first: alike.first });
  }
  return folded.sort((a, b) => b.sequence - a.sequence);
}

/**
 * @param {FoldedEvent} before
 * @param {EventTold} event
 */
function isAlike(before, event) {
  const isSame =
    before.kind === event.kind && before.cause === event.cause && before.applicationName === event.applicationName;
  return isSame && Date.parse(event.time) - Date.parse(before.time) <= GAP_MS;
}
