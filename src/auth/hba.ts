// Which line of auth_hba_file is about a client, and whether its certificate is the one that the line wants. Pure.
//
// Postgres: check_hba, check_db, check_role, check_usermap (hba.c), CheckCertAuth (auth.c).

import { networkInterfaces } from 'node:os';
import { bytesOf, type HbaAddress, type HbaName, type HbaRule } from '../config/hba.ts';
import type { IdentLine } from '../config/ident.ts';
import type { ClientCertificate, ClientWay } from './client-way.ts';

/** Who knocks. */
export interface Visitor {
  readonly user: string;
  readonly database: string;
  /** A physical replication connection belongs to no database. */
  readonly isPhysicalReplication: boolean;
  readonly way: ClientWay;
}

/** An address of this machine, and the mask of its network. */
export interface OwnAddress {
  readonly address: string;
  readonly netmask: string;
}

/** The first line that is about the visitor; null: none is. */
export function findRule(
  rules: readonly HbaRule[],
  visitor: Visitor,
  ownAddresses: () => readonly OwnAddress[] = addressesOfThisMachine,
): HbaRule | null {
  for (const rule of rules) {
    if (!isOfType(rule, visitor.way)) continue;
    if (rule.address !== null && !isFrom(rule.address, visitor.way.address ?? '', ownAddresses)) continue;
    if (!rule.databases.some((name) => isDatabase(name, visitor))) continue;
    if (rule.users.some((name) => isUser(name, visitor.user))) return rule;
  }
  return null;
}

function isOfType({ type }: HbaRule, { address, tls }: ClientWay): boolean {
  if (address === null) return type === 'local';
  return type === 'host' || type === (tls === null ? 'hostnossl' : 'hostssl');
}

function isFrom(rule: HbaAddress, address: string, ownAddresses: () => readonly OwnAddress[]): boolean {
  if (rule.kind === 'all') return true;
  const bytes = bytesOf(address);
  if (rule.kind === 'block') return isIn(bytes, rule.network, rule.mask);
  const whole = new Uint8Array(16).fill(255);
  return ownAddresses().some((own) => {
    const network = bytesOf(own.address);
    return isIn(bytes, network, rule.kind === 'samehost' ? whole : bytesOf(own.netmask));
  });
}

function isIn(address: Uint8Array, network: Uint8Array, mask: Uint8Array): boolean {
  if (address.length !== network.length) return false;
  return address.every((byte, i) => ((byte ^ network[i]!) & mask[i]!) === 0);
}

function isDatabase(name: HbaName, { database, user, isPhysicalReplication }: Visitor): boolean {
  if (isPhysicalReplication || name.kind === 'replication') return isPhysicalReplication && name.kind === 'replication';
  switch (name.kind) {
    case 'all':
      return true;
    case 'sameuser':
      return database === user;
    case 'name':
      return name.name === database;
    case 'pattern':
      return name.pattern.test(database);
  }
}

function isUser(name: HbaName, user: string): boolean {
  if (name.kind === 'pattern') return name.pattern.test(user);
  return name.kind === 'all' || (name.kind === 'name' && name.name === user);
}

function addressesOfThisMachine(): OwnAddress[] {
  return Object.values(networkInterfaces()).flatMap((list) => list ?? []);
}

/** Whether the certificate, which was verified, is one of this user's. map null: the names must be the same. */
export function isCertificateOf(
  certificate: ClientCertificate,
  user: string,
  { map, clientName }: Pick<HbaRule, 'map' | 'clientName'>,
  lines: readonly IdentLine[],
): boolean {
  const name = clientName === 'DN' ? certificate.distinguishedName : certificate.commonName;
  if (name === null || name === '') return false;
  if (map === null) return name === user;
  return lines.some((line) => line.map === map && isMapped(line, name, user));
}

function isMapped({ system, user: mapped }: IdentLine, name: string, user: string): boolean {
  const found = 'name' in system ? (system.name === name ? [] : null) : system.pattern.exec(name);
  if (found === null) return false;
  if (mapped === null) return true;
  if (typeof mapped !== 'string') return mapped.test(user);
  return mapped.replace('\\1', () => found[1] ?? '') === user;
}
