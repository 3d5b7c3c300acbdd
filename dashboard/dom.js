// Makes elements. Texts of strangers become text nodes and attributes, never HTML.

/** @typedef {string | number | Node | null | undefined | false} Child */

/**
 * `h('td.mono', { title: 'x' }, 'text')`. Names that begin with `on` are listeners.
 * @param {string} spec tag and classes
 * @param {Record<string, unknown>} [attributes]
 * @param {...Child} children
 * @returns {HTMLElement}
 */
export function h(spec, attributes = {}, ...children) {
  const [tag = 'div', ...classes] = spec.split('.');
  const element = document.createElement(tag);
  if (classes.length > 0) element.className = classes.join(' ');
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  fill(element, ...children);
  return element;
}

/**
 * @param {Element} element
 * @param {...Child} children
 */
export function fill(element, ...children) {
  const there = children.filter((child) => child !== null && child !== undefined && child !== false);
  element.replaceChildren(...there.map((child) => (child instanceof Node ? child : String(child))));
}

/**
 * Changes the text only where it differs, so that a selection and the reader of a screen are left alone.
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * The element with this id, which the page has.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`no element ${id}`);
  return element;
}

/**
 * Redraws only when what it shows has changed: a button keeps its focus while the page is live.
 * @template T
 * @param {Element} element
 * @param {(value: T) => Child[]} draw
 * @returns {(value: T) => void}
 */
export function redrawer(element, draw) {
  let last = '';
  return (value) => {
    const text = JSON.stringify(value);
    if (text === last) return;
    last = text;
    const focused = element.contains(document.activeElement) ? document.activeElement?.getAttribute('data-key') : null;
    fill(element, ...draw(value));
    if (focused)
      /** @type {HTMLElement | null} */ (element.querySelector(`[data-key="${CSS.escape(focused)}"]`))?.focus();
  };
}
