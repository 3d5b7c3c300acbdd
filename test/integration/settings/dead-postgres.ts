// A pooler whose scripted Postgres, at an address of its own in this network namespace, is taken away behind a login. Run by
// user-timeout.test.ts in `unshare -rn`, with settings as JSON; prints a line when it is away, and when the server counts as dead.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { stringify } from 'yaml';
import { startApp } from '../../../src/app.ts';
import { parseConfig } from '../../../src/config/load.ts';
import { startFakeServer } from '../../support/fake-server.ts';
import { connectAndLogin } from '../../support/wire.ts';
import { query } from '../../support/wire-messages.ts';

execFileSync('ip', ['link', 'set', 'lo', 'up']);
const AWAY = '127.0.0.2';
const isSlow = process.argv[3] === 'slow';
const postgres = await startFakeServer({
  onMessage: (connection, { text }) => text === 'SELECT 1' && connection.reply('x', ['1']),
});
const remote = createServer((socket) => {
  const inner = connect(postgres.port, postgres.host);
  socket.pipe(inner).pipe(socket);
  for (const end of [socket, inner]) end.on('error', () => {});
}).listen(0, AWAY);
await once(remote, 'listening');

const result = parseConfig(
  stringify({
    listen_port: 0,
    http_listen_port: 0,
    auth_type: 'trust',
    databases: { app: { host: AWAY, port: (remote.address() as AddressInfo).port } },
    users: { app: {} },
    ...JSON.parse(process.argv[2] ?? '{}'),
  }),
);
if (!result.ok) throw new Error(JSON.stringify(result.problems));
const lines = new Writable({
  write(chunk, _encoding, done) {
    const { msg, reason, detail } = JSON.parse(String(chunk));
    if (/^(client|server) closed$/.test(msg)) console.log(`${msg}: ${detail ?? reason}`);
    done();
  },
});
const app = await startApp(result.config, { log: pino(lines) });
const client = await connectAndLogin(app.port, { user: 'app', database: 'app' });
await client.rows('SELECT 1');
if (!isSlow) execFileSync('ip', ['route', 'add', 'blackhole', `${AWAY}/32`, 'table', 'local']);
console.log('statement sent');
client.send(query('SELECT pg_sleep(600)'));
