// How a cancel key says which process gave it, when several share a port and any of them may get the request.
// PgBouncer: welcome_client and accept_cancel_request, so that both kinds can be peers.

/** PgBouncer: CANCELLATION_TTL_MASK, in the last byte of the old key's four. */
const TTL_MASK = 0x03;
const TTL_BYTE = 3;

/** Fourteen bits are the process's own. */
export const OWN_NUMBERS = 0x4000;

/** The second and third byte of the process id are the peer's number. The highest bit but one is set: no process of a system has such an id. */
export function processIdOf(peerId: number, number: number): number {
  return ((((number >>> 8) & 0x3f) | 0x40) << 24) | ((peerId & 0xff) << 16) | ((peerId >>> 8) << 8) | (number & 0xff);
}

export function peerIdOf(processId: number): number {
  return ((processId >>> 16) & 0xff) | (((processId >>> 8) & 0xff) << 8);
}

/** A key as its client is told it: the request for it may be passed on three times. */
export function withFullTtl(key: Buffer): Buffer {
  const full = Buffer.from(key);
  full[TTL_BYTE] = (full[TTL_BYTE] ?? 0) | TTL_MASK;
  return full;
}

/** The key to pass on; null: it was passed on too often already. */
export function passedOn(key: Buffer): Buffer | null {
  const byte = key[TTL_BYTE] ?? 0;
  if ((byte & TTL_MASK) === 0) return null;
  const next = Buffer.from(key);
  next[TTL_BYTE] = byte - 1;
  return next;
}
