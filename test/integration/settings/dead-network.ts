// A pooler between a client and a scripted Postgres, all in one network namespace, whose network is then taken away. Run by
// keepalive.test.ts in `unshare -rn`, with settings as JSON; prints a line when the network is down and when each connection is dead.
import { execFileSync } from 'node:child_process';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { stringify } from 'yaml';
import { startApp } from '../../../src/app.ts';
import { parseConfig } from '../../../src/config/load.ts';
import { startFakeServer } from '../../support/fake-server.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { connectAndLogin } from '../../support/wire.ts';

execFileSync('ip', ['link', 'set', 'lo', 'up']);
const postgres = await startFakeServer({ onMessage: (connection) => connection.reply('x', ['1']) });
const result = parseConfig(
  stringify({
    listen_port: 0,
    http_listen_port: 0,
    auth_type: 'trust',
    databases: { app: { host: postgres.host, port: postgres.port } },
    users: { app: {} },
    ...JSON.parse(process.argv[2] ?? '{}'),
  }),
);
if (!result.ok) throw new Error(JSON.stringify(result.problems));

const lines = new Writable({
  write(chunk, _encoding, done) {
    const { msg, error, detail } = JSON.parse(String(chunk));
    if (/^(client|server) closed$/.test(msg)) console.log(`${msg}: ${error ?? detail}`);
    done();
  },
});
const app = await startApp(result.config, { log: pino(lines) });
const client = await connectAndLogin(app.port, { user: 'app', database: 'app' });
await client.rows('SELECT 1');
// Keepalive counts only while nothing that was sent waits for its acknowledgement.
await waitUntil(() => !execFileSync('ss', ['-tno'], { encoding: 'utf8' }).includes('timer:(on,'));
execFileSync('ip', ['link', 'set', 'lo', 'down']);
console.log('network down');
