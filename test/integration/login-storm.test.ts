// A crowd of users whose plain secrets have to be derived logs in, beside a client that works.
import { expect, test } from 'vitest';
import { useDatabase } from '../support/postgres.ts';
import { connect } from '../support/wire.ts';
import * as build from '../support/wire-messages.ts';
import { poolerFor } from './settings/for-settings.ts';

const db = useDatabase();
const CROWD = 400;
const ROUNDS = 5;
/** A refusal is held for 100 ms: about 1,000 a second. */
const AT_A_TIME = 100;

/** As far as a client gets that knows no password, and need not derive anything: the pooler has to, to tell. */
async function tryToLogIn(port: number, user: string): Promise<void> {
  const client = await connect(port);
  client.send(build.startup({ user, database: 'anything' }));
  await client.readUntil('R');
  client.send(build.saslInitialResponse('SCRAM-SHA-256', 'n,,n=,r=abcdefgh'));
  const [challenge] = await client.readUntil('R');
  const nonce = /r=([^,]*)/.exec(challenge!.body.toString('latin1'))![1]!;
  client.send(build.saslResponse(`c=biws,r=${nonce},p=${Buffer.alloc(32).toString('base64')}`));
  await client.readUntil('E');
  client.destroy();
}

test('a crowd of logins delays the statements of a client by less than 5 ms at p99', async () => {
  const { user, password } = db.current;
  const crowd = Array.from({ length: CROWD * ROUNDS }, (_, i) => `user${i}`);
  const users = Object.fromEntries(crowd.map((name) => [name, { password: `secret of ${name}` }]));
  const pooler = await poolerFor(db.current, { users: { [user]: { password }, ...users } });
  const client = await pooler.connect();
  const p99While = async (work: Promise<unknown>) => {
    const times: number[] = [];
    let isOver = false;
    void work.finally(() => {
      isOver = true;
    });
    while (!isOver) {
      const from = performance.now();
      await client.rows('SELECT 1');
      times.push(performance.now() - from);
    }
    times.sort((a, b) => a - b);
    return times[Math.floor(times.length * 0.99)]!;
  };
  const worker = async (names: string[]) => {
    for (let name = names.pop(); name !== undefined; name = names.pop()) await tryToLogIn(pooler.port, name);
  };
  // On a machine that others use the best of some rounds says what is ours.
  const delays: number[] = [];
  while (crowd.length > 0 && !delays.some((delay) => delay < 5)) {
    const alone = await p99While(new Promise((done) => setTimeout(done, 500)));
    const names = crowd.splice(0, CROWD);
    const beside = await p99While(Promise.all(Array.from({ length: AT_A_TIME }, () => worker(names))));
    delays.push(beside - alone);
  }
  expect(Math.min(...delays)).toBeLessThan(5);
}, 60_000);
