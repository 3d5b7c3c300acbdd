// Opens a server for a pool: whom it logs in as, with what, and with which startup parameters.

import { parseSecret } from '../auth/secret.ts';
import type { ServerAuthOptions } from '../auth/server-auth.ts';
import { type Config, secretFor } from '../config/config.ts';
import { keepAliveOf } from '../config/effective.ts';
import type { Dial } from '../net/dial.ts';
import { openStream } from '../net/open-stream.ts';
import type { TlsKeeper } from '../net/tls-keeper.ts';
import { ServerLogin } from '../server/login.ts';
import { Server, type ServerOwner } from '../server/server.ts';
import type { Clock } from '../util/clock.ts';
import type { Pool } from './pool.ts';

/** dedicated: further startup parameters of a server that one client has to itself (replication), or that only listens. */
export function openServer(
  id: number,
  pool: Pool,
  config: Config,
  clock: Clock,
  dedicated: ReadonlyMap<string, string> | null,
  owner: ServerOwner,
  dial: Dial,
  tls: TlsKeeper,
): Server {
  const { target, settings } = pool;
  const { address, wanted } = pool.hosts.choose(target.addresses, settings, clock.now());
  const login = new ServerLogin({
    user: pool.user,
    database: target.dbname,
    parameters: new Map([...Object.entries(target.startupParameters), ...(dedicated ?? [])]),
    credentials: credentialsOf(pool, config),
    wanted,
  });
  return new Server(
    id,
    owner,
    (handler, ready) => {
      const stream = openStream(dial, address, tls.wishOf(settings), handler, ready);
      if (settings.tcp_keepalive) stream.setKeepAlive(keepAliveOf(settings));
      return stream;
    },
    login,
    clock,
    settings.max_packet_size,
    address,
  );
}

/** What we know that Postgres may accept: a password, an md5 hash, or SCRAM keys that a client's own login gave us. */
function credentialsOf(pool: Pool, config: Config): Omit<ServerAuthOptions, 'user'> {
  const isForced = pool.target.forcedUser === pool.user && pool.target.forcedPassword !== null;
  const stored = isForced ? pool.target.forcedPassword : (secretFor(config, pool.user) ?? pool.askedSecret);
  const secret = stored === null ? null : parseSecret(stored);
  return {
    password: secret?.kind === 'plain' ? secret.password : pool.clientPassword,
    md5: secret?.kind === 'md5' ? stored : null,
    scramKeys: pool.scramKeys,
    channelBinding: pool.settings.server_tls_channel_binding,
  };
}
