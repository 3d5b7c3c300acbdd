// What is done about each kind of session state that only its own server has: session_policy and session_opaque as masks.

import { Suspect } from './suspect.ts';

/** Kinds of session_policy, and what the scanner calls them. */
export const POLICY_KINDS = {
  advisory_lock: Suspect.AdvisoryLock,
  hold_cursor: Suspect.HoldCursor,
  listen: Suspect.Listen,
  load: Suspect.Load,
  seed: Suspect.Seed,
  sequence: Suspect.Sequence,
  temp: Suspect.Temp,
} as const;
export type PolicyKind = keyof typeof POLICY_KINDS;

/** Masks of Suspect. */
export interface SessionPolicy {
  /** What a text may do that matters here. */
  readonly watched: number;
  /** Undone when the transaction is over, instead of held. */
  readonly reset: number;
  /** Refused with 0A000. */
  readonly reject: number;
  /** Let through, and counted. */
  readonly warn: number;
  /** What nobody can look into holds its server. */
  readonly isOpaquePinned: boolean;
}

/** Values of session_opaque. */
type OpaquePolicy = 'reset' | 'pin' | 'ignore';

const ALL = Object.values(Suspect).reduce<number>((mask, bit) => mask | bit, 0);

const cache = new WeakMap<readonly string[], Map<string, SessionPolicy>>();

/** policy: "kind=action" each, as the settings row has it. */
export function sessionPolicy(policy: readonly string[], opaque: OpaquePolicy): SessionPolicy {
  let byOpaque = cache.get(policy);
  if (byOpaque === undefined) {
    byOpaque = new Map();
    cache.set(policy, byOpaque);
  }
  let masks = byOpaque.get(opaque);
  if (masks === undefined) {
    masks = makePolicy(policy, opaque);
    byOpaque.set(opaque, masks);
  }
  return masks;
}

/** Pins that are no kind of session_policy: what session_opaque holds, and a PREPARE that can't be said again elsewhere. */
const OTHER_PINS = { opaque: Suspect.Held, prepare: Suspect.Prepare } as const;

/** temp, listen: for messages, metrics and tables. */
export function kindNames(mask: number): string[] {
  return Object.entries({ ...POLICY_KINDS, ...OTHER_PINS })
    .filter(([, bit]) => (mask & bit) !== 0)
    .map(([kind]) => kind);
}

function makePolicy(policy: readonly string[], opaque: OpaquePolicy): SessionPolicy {
  const of = (wanted: string) =>
    policy
      .map((item) => item.split('='))
      .filter(([, action]) => action === wanted)
      .reduce((mask, [kind]) => mask | (POLICY_KINDS[kind as PolicyKind] ?? 0), 0);
  const warn = of('warn');
  const unwatched = warn | (opaque === 'ignore' ? Suspect.Opaque : 0);
  return {
    watched: ALL & ~unwatched,
    reset: of('reset'),
    reject: of('reject'),
    warn,
    isOpaquePinned: opaque === 'pin',
  };
}
