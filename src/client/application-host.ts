// application_name_add_host: Postgres sees in application_name where a client comes from, and here the client keeps its own name.

import type { ClientStartup } from './login.ts';

/** Postgres: NAMEDATALEN - 1. What is longer is cut there, and with it the address. */
const MAX_NAME_BYTES = 63;
/** PgBouncer: set_appname; the name of who gave none. */
const NAMELESS = 'app';

export class ApplicationHost {
  readonly startup: ClientStartup;
  readonly #own: string;
  readonly #suffix: string;

  /** Differs from PgBouncer: a long name is cut, and not the address. */
  constructor(startup: ClientStartup, address: string, port: number) {
    this.#own = startup.parameters.entries.get('application_name') ?? '';
    this.#suffix = address === 'unix' ? ' - unix' : ` - ${address}:${port}`;
    const name = cut(this.#own || NAMELESS, MAX_NAME_BYTES - Buffer.byteLength(this.#suffix));
    this.startup = {
      ...startup,
      parameters: startup.parameters.with('application_name', `${name}${this.#suffix}`),
    };
  }

  /** What the client calls itself: applications are told apart by it, and not each of their connections. */
  ownName(name: string): string {
    if (!name.endsWith(this.#suffix)) return name;
    const own = name.slice(0, -this.#suffix.length);
    return this.#own === '' && own === NAMELESS ? '' : own;
  }
}

/** At most so many bytes, and no half of a character. */
function cut(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= maxBytes) return text;
  let end = maxBytes;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end);
}
