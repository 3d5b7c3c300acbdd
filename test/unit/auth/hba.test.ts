// Which line is about whom, and whose certificate it is.
import { describe, expect, it } from 'vitest';
import type { ClientTls } from '../../../src/auth/client-way.ts';
import { findRule, isCertificateOf, type Visitor } from '../../../src/auth/hba.ts';
import { readHba } from '../../../src/config/hba.ts';
import { readIdent } from '../../../src/config/ident.ts';

const TLS: ClientTls = { certificate: null, certificateProblem: null, endPointHash: null };
const OWN = () => [
  { address: '192.168.7.5', netmask: '255.255.255.0' },
  { address: '::1', netmask: 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff' },
];

function rulesOf(text: string) {
  return readHba(text, 'hba', () => 'none', []);
}

interface Knock {
  user?: string;
  database?: string;
  address?: string | null;
  tls?: ClientTls | null;
  isPhysicalReplication?: boolean;
}

/** The number of the line that is found. */
function lineFor(
  text: string,
  { user = 'ann', database = 'app', address = '10.0.0.9', tls = null, isPhysicalReplication = false }: Knock,
) {
  const visitor: Visitor = { user, database, isPhysicalReplication, way: { address, tls } };
  return findRule(rulesOf(text), visitor, OWN)?.line ?? null;
}

describe('a line is found', () => {
  it('by the way that the client came', () => {
    const text = 'local all all trust\nhostssl all all all md5\nhostnossl all all all reject';
    expect(lineFor(text, { address: null })).toBe(1);
    expect(lineFor(text, { tls: TLS })).toBe(2);
    expect(lineFor(text, {})).toBe(3);
  });

  it('by address and mask, of the same family', () => {
    const text = 'host all all 10.0.0.0/24 md5\nhost all all ::/0 md5\nhost all all 0.0.0.0/0 md5';
    expect(lineFor(text, { address: '10.0.0.255' })).toBe(1);
    expect(lineFor(text, { address: '10.0.1.0' })).toBe(3);
    expect(lineFor(text, { address: '::ffff:10.0.0.1' })).toBe(1);
    expect(lineFor(text, { address: '2001:db8::1' })).toBe(2);
  });

  it('by the addresses of this machine, and of its networks', () => {
    expect(lineFor('host all all samehost md5', { address: '192.168.7.5' })).toBe(1);
    expect(lineFor('host all all samehost md5', { address: '192.168.7.6' })).toBeNull();
    expect(lineFor('host all all samenet md5', { address: '192.168.7.6' })).toBe(1);
    expect(lineFor('host all all samenet md5', { address: '192.168.8.6' })).toBeNull();
    expect(lineFor('host all all samehost md5', { address: '::1' })).toBe(1);
  });

  it('by user and database, the first one counts', () => {
    const text =
      'host sameuser all all md5\nhost app ann,bob all md5\nhost /^app /^c all trust\nhost all all all reject';
    expect(lineFor(text, { database: 'ann' })).toBe(1);
    expect(lineFor(text, { user: 'bob' })).toBe(2);
    expect(lineFor(text, { user: 'carl', database: 'app_2' })).toBe(3);
    expect(lineFor(text, { user: 'dora' })).toBe(4);
  });

  it('for replication only where it says replication', () => {
    const text = 'host all all all md5\nhost replication all all reject';
    expect(lineFor(text, { isPhysicalReplication: true })).toBe(2);
    expect(lineFor('host replication all all md5', { database: 'replication' })).toBeNull();
  });

  it('or none is', () => {
    expect(lineFor('host other all all trust', {})).toBeNull();
    expect(lineFor('', {})).toBeNull();
  });
});

describe('a certificate', () => {
  const certificate = { commonName: 'ann', distinguishedName: 'CN=ann,O=Example' };
  const maps = readIdent(
    'm ann app\nm /^(.*)@example$ \\1\ndn "CN=ann,O=Example" app\nany /. all\npattern ann /^app_\n',
    'ident',
    [],
  );
  const is = (user: string, map: string | null = null, clientName: 'CN' | 'DN' = 'CN', one = certificate) =>
    isCertificateOf(one, user, { map, clientName }, maps);

  it('is that of the user with its name, when there is no map', () => {
    expect([is('ann'), is('bob'), is('')]).toEqual([true, false, false]);
    expect(is('ann', null, 'CN', { ...certificate, commonName: null as never })).toBe(false);
  });

  it('is that of the users which a map names', () => {
    expect([is('app', 'm'), is('ann', 'm'), is('app', 'nobody')]).toEqual([true, false, false]);
    expect(is('bob', 'm', 'CN', { ...certificate, commonName: 'bob@example' })).toBe(true);
    expect([is('app', 'dn', 'DN'), is('app', 'dn', 'CN')]).toEqual([true, false]);
    expect([is('whoever', 'any'), is('app_1', 'pattern'), is('other', 'pattern')]).toEqual([true, true, false]);
  });

  it('can not bring a pattern in by its name', () => {
    expect(is('anybody', 'm', 'CN', { ...certificate, commonName: '/.*@example' })).toBe(false);
    expect(is('/.*', 'm', 'CN', { ...certificate, commonName: '/.*@example' })).toBe(true);
  });
});
