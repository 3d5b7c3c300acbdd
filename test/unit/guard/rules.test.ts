// What time does to servers and clients: each rule at its edge, and off.
import { describe, expect, it } from 'vitest';
import {
  askedServerRule,
  canceledServerRule,
  emptyPoolRule,
  heldServerRule,
  idleClientRule,
  idleServerRule,
  loginServerRule,
  needsCancelAgain,
  needsCheck,
  silentServerRule,
  unmovedRule,
} from '../../../src/guard/rules.ts';
import type { PoolClient } from '../../../src/pool/pool-client.ts';
import { TxStatus } from '../../../src/protocol/message-types.ts';
import type { Server } from '../../../src/server/server.ts';
import { settings } from '../../support/settings.ts';

const NOW = 1_000_000;

/** What the rules look at of a server: one that was opened at 1 and has been used and quiet since `NOW`. */
function server(looks: Partial<Server> & { isBatchOpen?: boolean } = {}): Server {
  const { isBatchOpen = false, ...rest } = looks;
  const fresh = { createdAt: NOW, activeAt: NOW, requestedAt: NOW, lifetimeShare: 1, txStatus: TxStatus.Idle };
  const stamps = { queryStartedAt: 0, xactStartedAt: 0, isRunning: false, replies: { isBatchOpen } };
  return { ...fresh, ...stamps, ...rest } as unknown as Server;
}

function client(looks: Partial<PoolClient>): PoolClient {
  return { server: null, activeAt: NOW, idleSince: 0, ...looks } as PoolClient;
}

describe('an idle server', () => {
  it('goes after its lifetime, of which each has its own share', () => {
    const limits = settings({ server_lifetime: 1000, server_idle_timeout: 0 });
    const rule = (age: number, lifetimeShare = 1) =>
      idleServerRule(server({ createdAt: NOW - age, lifetimeShare }), NOW, limits, true);
    expect([rule(999), rule(1000), rule(5000)]).toEqual([null, 'server_lifetime', 'server_lifetime']);
    expect([rule(799, 0.8), rule(800, 0.8)]).toEqual([null, 'server_lifetime']);
  });

  it('goes after one use where the lifetime is 0, and waits for that one', () => {
    const limits = settings({ server_lifetime: 0 });
    expect(idleServerRule(server(), NOW, limits, false)).toBe('server_lifetime');
    expect(idleServerRule(server({ createdAt: 1, requestedAt: 0 }), NOW, limits, false)).toBeNull();
  });

  it('goes when it was idle too long, unless min_pool_size keeps it', () => {
    const limits = settings({ server_lifetime: 1e9, server_idle_timeout: 500 });
    const rule = (idle: number, surplus: boolean) =>
      idleServerRule(server({ activeAt: NOW - idle }), NOW, limits, surplus);
    expect([rule(499, true), rule(500, true), rule(500, false)]).toEqual([null, 'server_idle_timeout', null]);
    const off = settings({ server_lifetime: 1e9, server_idle_timeout: 0 });
    expect(idleServerRule(server({ activeAt: 0 }), NOW, off, true)).toBeNull();
  });

  it('is asked whether it is alive when it was idle for a while, each time with 0, and never without a question', () => {
    const asks = (idle: number, server_check_delay: number, server_check_query = 'select 1') =>
      needsCheck(server({ activeAt: NOW - idle }), NOW, settings({ server_check_delay, server_check_query }));
    expect([asks(29, 30), asks(30, 30), asks(0, 0)]).toEqual([false, true, true]);
    expect([asks(1000, 30, ''), asks(0, 0, '')]).toEqual([false, false]);
  });
});

describe('a server that nobody can use yet', () => {
  it.each([
    ['logs in', loginServerRule, 'createdAt', 'server_connect_timeout', 'server_connect_timeout'],
    ['answers us', askedServerRule, 'activeAt', 'server_connect_timeout', 'server_check_timeout'],
    ['is canceled', canceledServerRule, 'activeAt', 'cancel_wait_timeout', 'cancel_wait_timeout'],
  ] as const)('because it %s goes when that takes too long', (_, rule, stamp, setting, reason) => {
    const limits = settings({ [setting]: 100 });
    expect(rule(server({ [stamp]: NOW - 99 }), NOW, limits)).toBeNull();
    expect(rule(server({ [stamp]: NOW - 100 }), NOW, limits)).toBe(reason);
    expect(rule(server({ [stamp]: 0 }), NOW, settings({ [setting]: 0 }))).toBeNull();
  });
});

describe('a server whose client said good-bye behind its statement', () => {
  const limits = settings({ cancel_wait_timeout: 100, query_timeout: 1000 });
  const rule = (looks: Partial<Server>) =>
    canceledServerRule(server({ isLeftToFinish: true, cancelsInFlight: 0, activeAt: 0, ...looks }), NOW, limits);
  it('may finish it, however silent it is, within query_timeout', () => {
    expect(rule({ queryStartedAt: NOW - 999 })).toBeNull();
    expect(rule({ queryStartedAt: NOW - 1000 })).toBe('query_timeout');
  });

  it('does not wait for a cancel, or an answer to us, longer than others', () => {
    expect(rule({ queryStartedAt: NOW, cancelsInFlight: 1 })).toBe('cancel_wait_timeout');
    expect(rule({ queryStartedAt: NOW, isAsked: true } as Partial<Server>)).toBe('cancel_wait_timeout');
  });
});

describe('a server that is held', () => {
  const limits = settings({ query_timeout: 100, idle_transaction_timeout: 200, transaction_timeout: 1000 });
  const held = (looks: Parameters<typeof server>[0]) => heldServerRule(server(looks), NOW, limits);

  it('may run a statement for so long', () => {
    expect(held({ isRunning: true, queryStartedAt: NOW - 99 })).toBeNull();
    expect(held({ isRunning: true, queryStartedAt: NOW - 100 })).toBe('query_timeout');
    expect(held({ isRunning: false, queryStartedAt: NOW - 100 })).toBeNull();
  });

  it('does not run its client’s statement while it answers a question of ours', () => {
    expect(held({ isRunning: true, queryStartedAt: 0 })).toBeNull();
  });

  it('may be in a transaction that does nothing for so long, a failed one too', () => {
    for (const txStatus of [TxStatus.Transaction, TxStatus.Failed]) {
      expect(held({ txStatus, activeAt: NOW - 199 })).toBeNull();
      expect(held({ txStatus, activeAt: NOW - 200 })).toBe('idle_transaction_timeout');
      expect(held({ txStatus, activeAt: NOW - 200, isRunning: true, queryStartedAt: NOW })).toBeNull();
    }
  });

  it('may have a batch without its Sync for so long', () => {
    expect(held({ isBatchOpen: true, activeAt: NOW - 199 })).toBeNull();
    expect(held({ isBatchOpen: true, activeAt: NOW - 200 })).toBe('idle_transaction_timeout');
  });

  it('may have a transaction open for so long, whatever it does', () => {
    const open = { txStatus: TxStatus.Transaction } as const;
    expect(held({ ...open, xactStartedAt: NOW - 999 })).toBeNull();
    expect(held({ ...open, xactStartedAt: NOW - 1000 })).toBe('transaction_timeout');
    expect(held({ isRunning: true, queryStartedAt: NOW, xactStartedAt: NOW - 1000 })).toBe('transaction_timeout');
    expect(held({ ...open, xactStartedAt: 0 })).toBeNull();
  });

  it('may be held between transactions for ever, as in session mode', () => {
    expect(held({ activeAt: 0, xactStartedAt: 1 })).toBeNull();
  });

  it('has no limit where the settings are 0', () => {
    const off = settings({ query_timeout: 0, idle_transaction_timeout: 0, transaction_timeout: 0 });
    const looks = { txStatus: TxStatus.Transaction, activeAt: 1, queryStartedAt: 1, xactStartedAt: 1 } as const;
    for (const isRunning of [true, false]) expect(heldServerRule(server({ ...looks, isRunning }), NOW, off)).toBeNull();
  });
});

describe('an idle client', () => {
  const limits = settings({ client_idle_timeout: 100 });

  it('goes when it was silent too long', () => {
    expect(idleClientRule(client({ activeAt: NOW - 99 }), NOW, limits)).toBe(false);
    expect(idleClientRule(client({ activeAt: NOW - 100 }), NOW, limits)).toBe(true);
    expect(idleClientRule(client({ activeAt: 0 }), NOW, settings({ client_idle_timeout: 0 }))).toBe(false);
  });

  it('is not silent while it waits for its answer', () => {
    expect(idleClientRule(client({ activeAt: NOW - 1000, idleSince: NOW - 99 }), NOW, limits)).toBe(false);
    expect(idleClientRule(client({ activeAt: NOW - 1000, idleSince: NOW - 100 }), NOW, limits)).toBe(true);
  });

  it('is not idle while it holds a server', () => {
    expect(idleClientRule(client({ activeAt: 0, server: server() }), NOW, limits)).toBe(false);
  });
});

describe('a pool without clients', () => {
  const unused = (since: number, isAuto: boolean, pool_idle_timeout: number, autodb_idle_timeout: number) =>
    emptyPoolRule(NOW - since, NOW, isAuto, settings({ pool_idle_timeout, autodb_idle_timeout }));

  it('goes after pool_idle_timeout', () => {
    expect([unused(99, false, 100, 0), unused(100, false, 100, 0), unused(1e9, false, 0, 0)]).toEqual([
      false,
      true,
      false,
    ]);
  });

  it('of a database that has no entry of its own goes after autodb_idle_timeout too', () => {
    expect([unused(49, true, 100, 50), unused(50, true, 100, 50), unused(50, false, 100, 50)]).toEqual([
      false,
      true,
      false,
    ]);
  });
});

it('a clock that went back a little makes nothing expire', () => {
  const limits = settings({ query_timeout: 1, server_connect_timeout: 1, client_idle_timeout: 1 });
  expect(loginServerRule(server({ createdAt: NOW + 5000 }), NOW, limits)).toBeNull();
  expect(heldServerRule(server({ isRunning: true, queryStartedAt: NOW + 5000 }), NOW, limits)).toBeNull();
  expect(idleClientRule(client({ activeAt: NOW + 5000 }), NOW, limits)).toBe(false);
});

describe('a cancel request', () => {
  const left = (looks: Partial<Server> = {}, replies = 1) =>
    needsCancelAgain(
      server({
        canceledAt: NOW - 500,
        cancelsInFlight: 0,
        replies: { length: replies } as Server['replies'],
        ...looks,
      }),
      NOW,
    );

  it('is sent again when what it was for still runs half a second later', () => {
    expect([left(), left({ canceledAt: NOW - 499 })]).toEqual([true, false]);
  });

  it('is not sent while one is on its way, for our own question, for what is to be finished, or for nothing', () => {
    expect([
      left({ cancelsInFlight: 1 }),
      left({ isAsked: true }),
      left({ isLeftToFinish: true }),
      left({}, 0),
    ]).toEqual([false, false, false, false]);
  });
});

describe('tcp_user_timeout', () => {
  const limits = settings({ tcp_user_timeout: 1000 });
  const off = settings({ tcp_user_timeout: 0 });

  it('ends a connection of which nothing has moved for so long, and none that moves or has nothing to send', () => {
    const rules = [unmovedRule(NOW - 1000, NOW, limits), unmovedRule(NOW - 999, NOW, limits)];
    expect([...rules, unmovedRule(null, NOW, limits), unmovedRule(NOW - 1e9, NOW, off)]).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });

  it('suspects a server that owes an answer and has not been heard of since it was asked', () => {
    const rule = (looks: Partial<Server>, length = 1, limit = limits) =>
      silentServerRule(server({ replies: { length } as Server['replies'], ...looks }), NOW, limit);
    const old = { activeAt: NOW - 1000, requestedAt: NOW - 5000, queryStartedAt: NOW - 1000 };
    expect([rule(old), rule(old, 0), rule(old, 1, off)]).toEqual([true, false, false]);
    for (const stamp of ['activeAt', 'requestedAt', 'queryStartedAt'])
      expect(rule({ ...old, [stamp]: NOW - 999 })).toBe(false);
  });
});
