// What the doctor could not look at, on versions and systems that no test has: each is said, with a way to check it, and no rule guesses.
import { describe, expect, it, test } from 'vitest';
import type { HostFacts, LoginFacts } from '../../../src/doctor/facts.ts';
import { exitCodeOf } from '../../../src/doctor/finding.ts';
import {
  POSTGRES_SETTING_NAMES,
  POSTGRES_SETTINGS,
  type PostgresSetting,
} from '../../../src/doctor/postgres-settings.ts';
import { findingsOf } from '../../../src/doctor/rules/all.ts';
import { factsOf, type Given } from './facts.ts';

/** One database and one user. */
const YAML = 'databases: { a: { host: db } }\nusers: { u: { password: x } }\n';
const told = (given: Given) => findingsOf(factsOf({ yaml: YAML, ...given }));

const old = POSTGRES_SETTING_NAMES.flatMap((name) => {
  const setting: PostgresSetting = POSTGRES_SETTINGS[name];
  return setting.since > 0 ? [{ name, ...setting }] : [];
});

describe('a setting that an old version lacks', () => {
  it.each(old)('$name ($since)', ({ name, since, without }) => {
    const findings = told({ session: { major: since - 1 }, values: { [name]: null } });
    expect(findings.filter(({ fact }) => fact.includes(name))).toMatchObject([
      {
        rule: 'old-version',
        severity: 'unchecked',
        about: 'db:5432',
        fact: expect.stringContaining(`${name} came with PostgreSQL ${since}, and this is ${since - 1}`),
        change: `ask again after an upgrade; until then ${without}`,
      },
    ]);
    // No worse than unchecked, so no rule has made anything of it.
    expect(exitCodeOf(findings)).toBe(0);
  });

  test('has always a word on what to do until then', () => {
    expect(old.filter(({ without }) => without === undefined)).toEqual([]);
  });

  test('is told once for a server, however many pools there are', () => {
    const findings = findingsOf(factsOf({ session: { major: 13 }, values: { idle_session_timeout: null } }));
    expect(findings.filter(({ fact }) => fact.includes('idle_session_timeout'))).toHaveLength(1);
  });

  test('counts as a limit that is off, not as one that is unknown', () => {
    const findings = told({
      yaml: `idle_transaction_timeout: 0\nleak_reclaim: never\n${YAML}`,
      session: { major: 15 },
      values: { reserved_connections: null, transaction_timeout: null, max_connections: '10' },
    });
    expect(findings.map(({ rule }) => rule)).toEqual([
      'max-connections',
      'no-idle-transaction-limit',
      'old-version',
      'old-version',
    ]);
  });
});

describe('a setting that the role is not shown', () => {
  it.each(POSTGRES_SETTING_NAMES)('%s', (name) => {
    const findings = told({ values: { [name]: null } });
    expect(findings).toMatchObject([
      { rule: 'no-right', severity: 'unchecked', about: 'pool a/u', change: `SHOW ${name}  # as a superuser` },
    ]);
    expect(findings[0]?.fact).toContain(`${name} is not in pg_settings as u sees it`);
  });

  it.each(POSTGRES_SETTING_NAMES)('%s, where the version is not known either', (name) => {
    expect(told({ values: { [name]: null }, session: { major: null } })).toMatchObject([{ rule: 'no-right' }]);
  });
});

describe('how Postgres keeps a password, where pg_authid may not be read,', () => {
  const denied = { secrets: 'permission denied for table pg_authid' };
  const catalog = { sessions: [], roles: new Map(), secrets: null, databases: new Map(), hbaErrors: [], denied };

  it.each([
    ['scram', []],
    ['md5', ['md5-in-postgres']],
    ['none', ['no-right']],
    ['password', ['no-right']],
  ] as const)('is told by a login that is asked for %s: %j', (proof, rules) => {
    expect(told({ server: { catalog }, session: { proof } }).map(({ rule }) => rule)).toEqual(rules);
  });
});

describe('a login that did not come about', () => {
  const refused: LoginFacts = { kind: 'refused', code: '28P01', message: 'password authentication failed' };

  test('leaves all that a session tells unchecked, and says how to come to know', () => {
    expect(told({ login: refused })).toMatchObject([
      { rule: 'login-refused', severity: 'error' },
      { rule: 'no-session', severity: 'unchecked', change: expect.stringMatching(/^psql 'host=db port=5432 user=u/) },
    ]);
  });

  test('is one finding for a server that is not reached, whoever was to log in', () => {
    const unreached = { code: 'EHOSTUNREACH', message: 'no route' };
    const findings = findingsOf(factsOf({ login: { kind: 'unreached' }, server: { unreached } }));
    expect(findings.map(({ rule }) => rule)).toEqual(['unreachable', 'no-session']);
    expect(findings[0]).toMatchObject({
      about: 'db:5432',
      consequence: expect.stringContaining('clients of a, b wait'),
    });
  });

  test('is told apart: no such name, and nobody who could be asked for it', () => {
    const of = (code: string) =>
      told({ login: { kind: 'unreached' }, server: { lookup: { code, error: `getaddrinfo ${code} db` } } })[0];
    expect(of('ENOTFOUND')).toMatchObject({ rule: 'dns', fact: expect.stringContaining('the name db is not found') });
    expect(of('EAI_AGAIN')).toMatchObject({ rule: 'dns', fact: expect.stringContaining('nobody could be asked for') });
  });
});

describe('a machine that does not tell', () => {
  it.each([
    [{ openFiles: null }, 'ulimit -Hn'],
    [{ somaxconn: null }, 'sysctl -a | grep somaxconn'],
    [{ hasCgroup: false }, 'the limits of the container or service'],
  ] satisfies [Partial<HostFacts>, string][])('%j', (host, change) => {
    expect(told({ host })).toMatchObject([{ rule: 'machine', severity: 'unchecked', change }]);
  });
});
