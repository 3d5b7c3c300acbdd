// Rule: the memory of the container against the clients that may come. What each part takes was measured, on a process that was built (docs/operations.md).
import { distinct, sizeOf } from '../demand.ts';
import type { Facts } from '../facts.ts';
import type { Finding } from '../finding.ts';

const MB = 1024 * 1024;
/** bench/pod-size.ts, nobody connected: RSS of 104 to 107 MB. */
const BASE_MB = 107;
/** 500 transactions/s of 100 clients: 14 MB above those clients when they are idle. A result of 2 GB that is read slowly: 8 MB (test/backpressure). */
const WORK_MB = 22;
/** 1,000 clients at 500 transactions/s against 100: 14 MB. Idle ones are cheaper the more they are: 12 kB of 2,000, 7 kB of 10,000 (bench/idle-clients.ts). */
const CLIENT_KB = 16;
/** The same with --tls: 60 kB of 2,000 and 55 kB of 6,000, instead of 12 and 5. On either side. */
const TLS_KB = 50;

/** Of the memory that it may have, so much should be needed: the kernel counts some of its own. */
const COMFORT = 0.9;

export function memoryRules({ settings, pools, host }: Facts): Finding[] {
  if (host.memory === null) return [];
  const { max_client_conn: clients, max_prepared_bytes: prepared, client_tls_sslmode: mode } = settings;
  const perClient = CLIENT_KB + (mode === 'disable' ? 0 : TLS_KB);
  const all = distinct(pools);
  const encrypted = all
    .filter(({ login }) => login.kind === 'done' && login.session.isEncrypted)
    .reduce((total, pool) => total + sizeOf(pool), 0);
  const fixed = BASE_MB + WORK_MB + Math.ceil((encrypted * TLS_KB) / 1024);
  const needed = fixed + Math.ceil((clients * perClient) / 1024);
  // Nobody can tell how many texts there will be: it is only a bound.
  const texts = Math.ceil((all.filter(({ isAsking }) => !isAsking).length * prepared) / MB);
  const limit = Math.floor(host.memory / MB);
  const sum = [
    `${BASE_MB} MB + ${WORK_MB} MB for work`,
    ...(encrypted > 0 ? [`${encrypted} encrypted servers x ${TLS_KB} kB`] : []),
    `max_client_conn ${clients} x ${perClient} kB${mode === 'disable' ? '' : ', encrypted'}`,
  ].join(' + ');
  const finding = {
    about: 'machine',
    consequence: 'With so many clients the kernel may kill pgsluice for its memory.',
  };
  const roomFor = Math.floor(((limit * COMFORT - fixed) * 1024) / perClient);
  const memory = `resources: { limits: { memory: ${roundUp(needed / COMFORT)}Mi } }`;
  if (needed > limit)
    return [
      {
        ...finding,
        rule: 'memory',
        severity: 'warning',
        fact: `${sum} = about ${needed} MB; the container may have ${limit} MB`,
        change: roomFor < 10 ? memory : `max_client_conn: ${roomFor}  # or ${memory}`,
      },
    ];
  if (needed + texts <= limit) return [];
  const pooled = `${sum} = about ${needed} MB, and up to ${texts} MB for the texts of prepared statements (max_prepared_bytes)`;
  return [
    {
      rule: 'memory-of-statements',
      severity: 'note',
      about: 'machine',
      fact: `${pooled}; the container may have ${limit} MB`,
      consequence:
        'An application whose statements are all different may have the kernel kill pgsluice for its memory.',
      change: `resources: { limits: { memory: ${roundUp((needed + texts) / COMFORT)}Mi } }  # or a smaller max_prepared_bytes`,
    },
  ];
}

function roundUp(megabytes: number): number {
  return Math.ceil(megabytes / 32) * 32;
}
