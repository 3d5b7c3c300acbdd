// Who may read, and who may act: bearer tokens, and checks that a browser's request comes from our own page.

import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import type { FastifyRequest } from 'fastify';
import { isLoopback } from '../config/loopback.ts';
import type { Settings } from '../config/settings-table.ts';

export interface Refusal {
  readonly statusCode: 401 | 403;
  readonly message: string;
}

type Request = Pick<FastifyRequest, 'headers'>;

const NEEDS_TOKEN = 'needs "Authorization: Bearer TOKEN"';

export class Access {
  readonly #settings: () => Settings;

  /** The settings in force: tokens may change. */
  constructor(settings: () => Settings) {
    this.#settings = settings;
  }

  /** null: it may read. */
  refusalToRead(request: Request): Refusal | null {
    const { http_listen_addr, http_read_token, http_action_token } = this.#settings();
    if (isToken(request, http_read_token) || isToken(request, http_action_token)) return null;
    if (http_read_token !== '') return { statusCode: 401, message: `${NEEDS_TOKEN} with http_read_token` };
    if (!isLoopback(http_listen_addr)) {
      const message = `the API is off: ${http_listen_addr} is no loopback address, and http_read_token is not set`;
      return { statusCode: 403, message };
    }
    return refusalOfHost(request);
  }

  /** null: it may act. */
  refusalToAct(request: Request): Refusal | null {
    const { http_action_token } = this.#settings();
    const refusal = refusalOfOrigin(request);
    if (refusal !== null) return refusal;
    if (http_action_token === '') return { statusCode: 403, message: 'actions are off: http_action_token is not set' };
    if (isToken(request, http_action_token)) return null;
    return { statusCode: 401, message: `${NEEDS_TOKEN} with http_action_token` };
  }

  /** For a page that asks before it offers anything. */
  actionsOf(request: Request): 'allowed' | 'token' | 'off' {
    const { http_action_token } = this.#settings();
    if (http_action_token === '') return 'off';
    return isToken(request, http_action_token) ? 'allowed' : 'token';
  }
}

function isToken({ headers }: Request, token: string): boolean {
  const [, given] = /^Bearer ([\x21-\x7e]{1,1024})$/i.exec(headers.authorization ?? '') ?? [];
  if (token === '' || given === undefined) return false;
  // Digests have one length, so that the comparison takes one time.
  return timingSafeEqual(digest(given), digest(token));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/**
 * Where no token is asked for, a name that a stranger's DNS points at 127.0.0.1 would make his page one of ours. An address
 * or localhost can't be such a name.
 */
function refusalOfHost({ headers }: Request): Refusal | null {
  const name = hostName(headers.host ?? '');
  if (name === 'localhost' || isIP(name) !== 0) return null;
  return { statusCode: 403, message: 'without http_read_token the Host has to be an address or localhost' };
}

/** Without the port and the brackets of an IPv6 address. */
function hostName(host: string): string {
  return host
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase();
}

/** Browsers say where a request comes from; other programs say nothing of it. */
function refusalOfOrigin({ headers }: Request): Refusal | null {
  const site = headers['sec-fetch-site'];
  const { origin, host } = headers;
  const isOther = (site !== undefined && site !== 'same-origin' && site !== 'none') || !isSameOrigin(origin, host);
  return isOther ? { statusCode: 403, message: 'actions are taken from the same origin only' } : null;
}

function isSameOrigin(origin: string | undefined, host: string | undefined): boolean {
  if (origin === undefined) return true;
  return URL.parse(origin)?.host === host && host !== undefined;
}
