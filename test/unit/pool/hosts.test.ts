// Which host the next server goes to: bans, rounds, roles and turns, by a clock that the test sets.
import { describe, expect, test } from 'vitest';
import { addressKey } from '../../../src/net/dial.ts';
import { type Failure, type HostChooser, type HostSettings, Hosts } from '../../../src/pool/hosts.ts';

const at = (host: string) => ({ host, port: 5432 });
const settings: HostSettings = {
  host_ban_time: 10_000,
  load_balance_hosts: 'disable',
  target_session_attrs: 'any',
};

function view(
  names: string,
  over: Partial<HostSettings> = {},
  hosts = new Hosts(
    () => null,
    () => 0,
  ),
) {
  const chooser = hosts.chooser();
  const addresses = names.split('').map(at);
  const all = { ...settings, ...over };
  return {
    chooser,
    next: (now: number) => chooser.choose(addresses, all, now).address.host,
    wanted: (now: number) => {
      const { address, wanted } = chooser.choose(addresses, all, now);
      return `${address.host} as ${wanted}`;
    },
  };
}

const fail = (chooser: HostChooser, host: string, now: number, why: Failure = 'away') =>
  chooser.failed(at(host), why, now);

describe('one host', () => {
  test('each failure ends a round, and it is tried again', () => {
    const { chooser, next } = view('a');
    expect(next(0)).toBe('a');
    expect([fail(chooser, 'a', 0), fail(chooser, 'a', 0, 'silent'), fail(chooser, 'a', 0, 'refused')]).toEqual([
      true,
      true,
      true,
    ]);
    expect(chooser.rounds).toBe(3);
    expect(next(1)).toBe('a');
    chooser.loggedIn(at('a'), 2);
    expect(chooser.rounds).toBe(3);
    chooser.proven();
    expect(chooser.rounds).toBe(0);
  });

  test('a login has all its time', () => {
    const { chooser, next } = view('a');
    next(0);
    expect(chooser.loginLimitMs(15_000)).toBe(15_000);
    expect(chooser.loginLimitMs(0)).toBe(0);
  });
});

describe('several hosts', () => {
  test('the next one is tried at once, and the round is over when all were', () => {
    const { chooser, next } = view('abc');
    expect([next(0), fail(chooser, 'a', 0)]).toEqual(['a', false]);
    expect([next(0), fail(chooser, 'b', 0)]).toEqual(['b', false]);
    expect([next(0), fail(chooser, 'c', 0)]).toEqual(['c', true]);
    expect(chooser.rounds).toBe(1);
  });

  test('one that was away comes last until its ban ends, and first again from then on', () => {
    const { chooser, next } = view('ab');
    next(0);
    fail(chooser, 'a', 0);
    chooser.loggedIn(at('b'), 1);
    expect([next(2), next(9_999), next(10_000)]).toEqual(['b', 'b', 'a']);
  });

  test('all pools know of a ban, and a login that works lifts it', () => {
    const hosts = new Hosts(() => null);
    const [one, other] = [view('ab', {}, hosts), view('ab', {}, hosts)];
    one.next(0);
    fail(one.chooser, 'a', 0);
    expect(other.next(1)).toBe('b');
    one.chooser.loggedIn(at('a'), 2);
    expect(other.next(3)).toBe('a');
  });

  test('one that refuses to connect is tried in each round, one that says nothing is not', () => {
    for (const [why, second] of [
      ['away', 'a'],
      ['silent', 'b'],
    ] as const) {
      const { chooser, next } = view('ab', { target_session_attrs: 'primary' });
      next(0);
      fail(chooser, 'a', 0, why);
      next(0);
      expect(fail(chooser, 'b', 0, 'unfit')).toBe(true);
      expect(next(100)).toBe('b');
      expect(fail(chooser, 'b', 100, 'unfit')).toBe(why === 'silent');
      expect(next(200)).toBe(second);
    }
  });

  test('a login has a second, and twice as long after each round in vain', () => {
    const { chooser, next } = view('ab');
    next(0);
    const limits = [];
    for (let round = 0; round < 6; round += 1) {
      limits.push(chooser.loginLimitMs(15_000));
      fail(chooser, 'a', 0, 'silent');
      fail(chooser, 'b', 0, 'silent');
    }
    expect(limits).toEqual([1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
  });

  test('one that refuses a login is avoided by the pool that it refused, and by no other', () => {
    const hosts = new Hosts(() => null);
    const [one, other] = [view('ab', {}, hosts), view('ab', {}, hosts)];
    one.next(0);
    fail(one.chooser, 'a', 0, 'refused');
    one.chooser.loggedIn(at('b'), 0);
    expect([one.next(1), other.next(1), one.next(10_000)]).toEqual(['b', 'a', 'a']);
  });
});

describe('turns', () => {
  test('round-robin gives each its turn, of those that would do', () => {
    const { chooser, next } = view('abc', { load_balance_hosts: 'round-robin' });
    expect([next(0), next(0), next(0), next(0)]).toEqual(['a', 'b', 'c', 'a']);
    fail(chooser, 'b', 0);
    expect(new Set([next(0), next(0), next(0), next(0)])).toEqual(new Set(['a', 'c']));
  });

  test('random takes any', () => {
    const hosts = new Hosts(
      () => null,
      () => 0.99,
    );
    expect(view('abc', { load_balance_hosts: 'random' }, hosts).next(0)).toBe('c');
  });
});

describe('roles', () => {
  test('who has found the primary looks no further', () => {
    const { chooser, next } = view('ab', { target_session_attrs: 'primary', load_balance_hosts: 'round-robin' });
    next(0);
    fail(chooser, 'a', 0, 'unfit');
    chooser.loggedIn(at('b'), 0);
    expect([next(1), next(60_000), next(60_000)]).toEqual(['b', 'b', 'b']);
  });

  test('behind a primary that is gone, one that was a standby comes first', () => {
    const { chooser, next } = view('ab', { target_session_attrs: 'primary' });
    chooser.choose([at('a'), at('b')], { ...settings, target_session_attrs: 'primary' }, 0);
    chooser.loggedIn(at('a'), 0);
    fail(chooser, 'a', 1);
    expect(next(1)).toBe('b');
    expect(fail(chooser, 'b', 1, 'unfit')).toBe(true);
    expect(next(200)).toBe('b');
  });

  test('standbys share, and one that was none is looked at again after a while', () => {
    const { chooser, next } = view('abc', { target_session_attrs: 'standby', load_balance_hosts: 'round-robin' });
    next(0);
    fail(chooser, 'a', 0, 'unfit');
    chooser.loggedIn(at('b'), 0);
    expect(new Set([next(1), next(1), next(1)])).toEqual(new Set(['b', 'c']));
    expect(new Set([next(10_000), next(10_000), next(10_000)])).toEqual(new Set(['a', 'b', 'c']));
  });

  test('prefer-standby takes anybody when no standby is likely', () => {
    const { chooser, wanted } = view('ab', { target_session_attrs: 'prefer-standby' });
    expect(wanted(0)).toBe('a as standby');
    expect(fail(chooser, 'a', 0, 'unfit')).toBe(false);
    expect(wanted(0)).toBe('b as standby');
    expect(fail(chooser, 'b', 0)).toBe(false);
    expect(wanted(0)).toBe('a as any');
    chooser.loggedIn(at('a'), 0);
    // Nothing is tried in vain again at once.
    expect(wanted(1)).toBe('a as any');
    chooser.loggedIn(at('a'), 1);
    expect(wanted(10_001)).toBe('a as standby');
  });

  test('prefer-standby without anybody ends its rounds', () => {
    const { chooser, wanted } = view('ab', { target_session_attrs: 'prefer-standby' });
    wanted(0);
    const ends = [];
    for (let i = 0; i < 4; i += 1) {
      const [host = ''] = wanted(i);
      ends.push(fail(chooser, host, i));
    }
    expect(ends).toEqual([false, false, false, true]);
  });

  test('each address of a name is a host where roles matter, and the name is one where they do not', () => {
    const resolved = (name: string) => (name === 'a' ? ['10.0.0.1', '10.0.0.2'] : null);
    const hosts = new Hosts(resolved);
    const { chooser } = view('a', {}, hosts);
    expect(chooser.choose([at('a')], settings, 0).address).toEqual(at('a'));
    const wanted = { ...settings, target_session_attrs: 'primary' } as const;
    const first = chooser.choose([at('a')], wanted, 0).address;
    expect(addressKey(first)).toBe('10.0.0.1:5432');
    expect(chooser.failed(first, 'unfit', 0)).toBe(false);
    expect(addressKey(chooser.choose([at('a')], wanted, 0).address)).toBe('10.0.0.2:5432');
  });
});

describe('doubts', () => {
  test('a host is asked once for each, and not more often than each second', () => {
    const hosts = new Hosts(() => null);
    expect(hosts.takeDoubt(at('a'), 0)).toBe(false);
    hosts.doubt(at('a'), 0);
    hosts.doubt(at('a'), 0);
    expect([hosts.takeDoubt(at('b'), 0), hosts.takeDoubt(at('a'), 0), hosts.takeDoubt(at('a'), 0)]).toEqual([
      false,
      true,
      false,
    ]);
    hosts.doubt(at('a'), 999);
    expect(hosts.takeDoubt(at('a'), 999)).toBe(false);
    hosts.doubt(at('a'), 1_000);
    expect(hosts.takeDoubt(at('a'), 1_001)).toBe(true);
  });
});
