// The kernel's table of connections: whom it shows as silent, and whom not.
import { endianness } from 'node:os';
import { expect, test } from 'vitest';
import { connectionKey, unacknowledgedIn } from '../../../src/net/unacknowledged.ts';

const HEAD =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                                                     \n';

/** From 127.0.0.1:54321 to 10.1.2.3:5432. */
function row(
  looks: { state?: string; sent?: string; timer?: string; retransmits?: string; probes?: number } = {},
): string {
  const { state = '01', sent = '00000015', timer = '01', retransmits = '00000004', probes = 0 } = looks;
  return `   3: 0100007F:D431 0302010A:1538 ${state} ${sent}:00000000 ${timer}:00000123 ${retransmits}     0        ${probes} 12345 2 0000000000000000 20 4 30 10 -1\n`;
}

const key = connectionKey({ localPort: 54321, remotePort: 5432, remoteAddress: '10.1.2.3' });

test.runIf(endianness() === 'LE')(
  'a connection whose bytes were sent again and again is found under its ports and address',
  () => {
    expect(unacknowledgedIn(HEAD + row() + row({ state: '06' }))).toEqual([key]);
    const probed = { timer: '04', retransmits: '00000000', probes: 2 };
    expect(unacknowledgedIn(HEAD + row(probed))).toEqual([key]);
    expect(connectionKey({ localPort: 54321, remotePort: 5432, remoteAddress: '10.1.2.4' })).not.toBe(key);
  },
);

test.each([
  ['has nothing unacknowledged', { sent: '00000000' }],
  ['waits for its first acknowledgement', { retransmits: '00000000' }],
  ['lost one packet', { retransmits: '00000001' }],
  ['is probed by keepalive', { timer: '02', probes: 5 }],
  ['has no room, and says so', { timer: '04', probes: 0 }],
  ['is not established', { state: '08' }],
])('one that %s is not', (_what, looks) => {
  expect(unacknowledgedIn(HEAD + row(looks))).toEqual([]);
});

test('an IPv6 connection is found by its ports', () => {
  const table = `   0: 00000000000000000000000001000000:D431 000080FE00000000FF00000002000000:1538 01 00000015:00000000 01:00000123 00000004     0        0 1\n`;
  expect(unacknowledgedIn(table)).toEqual([
    connectionKey({ localPort: 54321, remotePort: 5432, remoteAddress: 'fe80::1' }),
  ]);
});
