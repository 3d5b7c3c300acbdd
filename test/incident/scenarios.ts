// The scenarios as data: which applications there are, with how many clients, and what happens in the window that is measured.
import { LEAKED_TABLE, type Player } from '../../src/cli/demo/players.ts';

/** What an application does; each has its function in cast.ts. */
export type Role = 'healthy' | 'report' | 'leak' | 'flood' | 'impatient' | 'noisy';

export interface Part extends Player {
  readonly role: Role;
}

export interface Scenario {
  readonly name: string;
  /** What happens, for the heading. */
  readonly title: string;
  readonly parts: readonly Part[];
  /** Who is to be named as the cause, and a word that only its statements have. */
  readonly culprit: { readonly application: string; readonly word: string } | null;
  /** Postgres is killed at these shares of the window. */
  readonly kills: readonly number[];
}

/** Roles that play from the beginning; the others come in when the window begins. */
export const FROM_THE_START: ReadonlySet<Role> = new Set(['healthy', 'report']);

export interface Size {
  readonly healthy: number;
  readonly reports: number;
  /** Leaks a second. */
  readonly leaks: number;
}

export const FULL: Size = { healthy: 12, reports: 2, leaks: 4 };

function part(role: Role, application: string, clients: number, rate = 0, group: string = application): Part {
  return { role, group, application, clients, rate };
}

function leak(size: Size, only: string | null): Scenario {
  const name = (own: string) => only ?? own;
  return {
    name: only === null ? 'leak' : 'leak-one-name',
    title: `an application leaks ${size.leaks} transactions a second${only === null ? '' : ', all under one application_name'}`,
    parts: [
      part('healthy', name('shop'), size.healthy, 0, 'shop'),
      part('report', name('reports'), size.reports, 0, 'reports'),
      part('leak', name('cart-worker'), 0, size.leaks, 'cart-worker'),
    ],
    culprit: { application: name('cart-worker'), word: LEAKED_TABLE },
    kills: [],
  };
}

/** By name; `size` is for short forms. */
export function scenario(name: string, size: Size = FULL): Scenario | null {
  const shop = part('healthy', 'shop', size.healthy);
  const reports = part('report', 'reports', size.reports);
  const calm = { culprit: null, kills: [] };
  switch (name) {
    case 'leak':
      return leak(size, null);
    case 'leak-one-name':
      return leak(size, 'monolith');
    case 'slow-flood':
      return {
        ...calm,
        name,
        title: 'an application runs slow statements, one and a half times what the pool can do',
        parts: [shop, reports, part('flood', 'search', 0, 30)],
        culprit: { application: 'search', word: 'pg_sleep' },
      };
    case 'retry-storm':
      return {
        ...calm,
        name,
        title: 'an application of 60 gives up after 300 ms and tries again at once, on a new connection',
        parts: [shop, reports, part('impatient', 'mobile', 60)],
      };
    case 'restart':
      return {
        ...calm,
        name,
        title: 'Postgres is killed, twice, and is back after a second',
        parts: [shop, reports],
        kills: [0.1, 0.6],
      };
    case 'noisy':
      return {
        ...calm,
        name,
        title: 'an application with 60 clients among three with 4',
        parts: [
          part('healthy', 'shop', 4),
          part('healthy', 'billing', 4),
          part('healthy', 'search', 4),
          part('noisy', 'import', 60),
        ],
      };
    default:
      return null;
  }
}

export const SCENARIOS = ['leak', 'leak-one-name', 'slow-flood', 'retry-storm', 'restart', 'noisy'] as const;
