// How long the system keeps a silent connection before it probes: Node takes interval and count of the probes only together with it.

import { readFileSync } from 'node:fs';

/** Linux: tcp_keepalive_time; RFC 9293 section 3.8.4 asks for no less by default. */
const TWO_HOURS_MS = 7_200_000;

/** Read at start: what the machine says, or what most machines say. */
export const SYSTEM_KEEPIDLE_MS = systemKeepIdleMs();

function systemKeepIdleMs(): number {
  try {
    const seconds = Number(readFileSync('/proc/sys/net/ipv4/tcp_keepalive_time', 'latin1'));
    return Number.isInteger(seconds) && seconds > 0 ? seconds * 1000 : TWO_HOURS_MS;
  } catch {
    return TWO_HOURS_MS;
  }
}
