// Opens a connection to Postgres and encrypts it where that is wished: both the way of a server and that of a cancel request.

import type { Address, Dial } from './dial.ts';
import { isSocketDirectory } from './socket-directory.ts';
import { Stream, type StreamHandler } from './stream.ts';
import { requestTls, type TlsWish } from './tls-request.ts';

/**
 * ready: the first bytes may be written, which the system keeps until it is connected. Called before this returns where nothing
 * is encrypted. When the connection comes to nothing, the handler hears it. wish null: in the clear, as over a Unix socket always.
 */
export function openStream(
  dial: Dial,
  address: Address,
  wish: TlsWish | null,
  handler: StreamHandler,
  ready: (stream: Stream) => void,
): Stream {
  const isUnix = isSocketDirectory(address.host);
  const stream = new Stream(dial(address), handler, isUnix);
  if (wish === null || isUnix) ready(stream);
  else
    requestTls(
      stream,
      address.host,
      wish,
      () => dial(address),
      () => ready(stream),
    );
  return stream;
}
