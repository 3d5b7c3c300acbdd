// The advice in sentences: what was measured, what it comes to, and the line to change.

import { formatDuration } from '../util/duration.ts';
import type { Advice, Cause } from './advice.ts';
import { type Found, LEAST_HOLDS, LEAST_MS, type Sums } from './found.ts';
import type { Knee } from './knee.ts';
import type { Measured } from './measured.ts';

const whole = (number: number) => (number >= 10 ? number.toFixed(0) : number.toFixed(1));
const ms = (time: number) => (time >= 10 || time === 0 ? formatDuration(time) : `${time.toFixed(1)} ms`);
const percent = (share: number) => `${Math.round(share * 100)} %`;
const servers = (count: number) => `${count} server${count === 1 ? '' : 's'}`;
const transactions = (rate: number) => `${whole(rate)} tx/s`;

/** One server less is no gain; what another limit holds back gains nothing by a smaller pool; a leak is to be mended first. */
const NO_REASON_TO_SHRINK: readonly Cause[] = ['fits', 'limited', 'leak'];

export function say(found: Found): Advice {
  const { measured, cause, size, sizeNow, sizeWithout, confidence } = found;
  const { poolSize } = measured;
  const isKnown = cause !== 'too_little_seen';
  const isWorthIt = isKnown && (size > poolSize || (size < poolSize && !NO_REASON_TO_SHRINK.includes(cause)));
  return {
    cause,
    poolSize,
    size: isKnown ? size : null,
    sizeNow: isKnown ? sizeNow : null,
    sizeWithout,
    confidence,
    title: titleOf(found),
    arithmetic: isKnown ? arithmeticOf(found) : seenOf(found),
    advice: adviceOf(found),
    change: isWorthIt ? `pool_size: ${size}` : null,
  };
}

function titleOf(found: Found): string {
  const { measured, sums, cause, needed, size, sizeWithout, knee } = found;
  const { poolSize, idlest, ceiling } = measured;
  const change = size > poolSize ? `${size - poolSize} more would do` : `${poolSize - size} could go`;
  switch (cause) {
    case 'too_little_seen':
      return isStuck(sums, measured)
        ? 'Clients wait, and hardly a transaction ends.'
        : 'Too little was seen to say anything.';
    case 'leak':
      return `Clients leak transactions: more than ${servers(poolSize)} would leak as well.`;
    case 'postgres_saturated':
      return `Postgres gets no more done with ${whole(sums.held)} servers than with ${knee?.servers ?? size}.`;
    case 'idle_in_transaction': {
      const who = idlest === null ? 'the application' : nameOf(idlest.application);
      return `${percent(sums.idleShare)} of the time that servers are held, ${who} is silent inside a transaction: ${size} are needed, ${sizeWithout} without.`;
    }
    case 'pinned':
      return `${percent(sums.pinnedShare)} of the time that servers are held, they are kept beyond a transaction: ${size} are needed, ${sizeWithout} without.`;
    case 'limited':
      return `${ceiling?.because} allows ${servers(ceiling?.servers ?? size)}; ${needed} are needed.`;
    case 'slow_statements':
      return `Slow statements need ${servers(size)}; there are ${poolSize}.`;
    case 'too_small':
      return `The pool is too small: ${change}.`;
    case 'too_large':
      return `The pool is larger than it need be: ${change}.`;
    case 'lifetime_too_short':
      return 'Servers are closed because of their age more often than is good.';
    case 'login_churn':
      return 'Servers are closed when they are idle and opened again soon after.';
    default:
      return isWaitingElse(found)
        ? `The pool is large enough, and yet clients wait: ${ms(sums.waitP99Ms)} at p99.`
        : 'The pool fits what is asked of it.';
  }
}

function seenOf({ sums }: Found): string {
  const waiting = sums.waiting > 0 ? `, and ${whole(sums.waiting)} clients wait` : '';
  return `${sums.holds} transactions ended in ${whole(sums.seconds)} s${waiting}: at least ${LEAST_HOLDS} in ${LEAST_MS / 1_000} s are needed.`;
}

/** There is load, but nothing to measure it by. */
const isStuck = ({ waiting }: Sums, { refused }: Measured) => waiting >= 1 || refused > 0;

/** Not for a server that somebody else holds: there are enough of them. */
function isWaitingElse({ measured, sums, size }: Found): boolean {
  return size <= measured.poolSize && sums.waitP99Ms > measured.waitTargetMs;
}

const WAITING_ELSE = 'For what they wait SHOW SERVERS (logins that take long) and SHOW DATABASES (a pause) may tell';

function arithmeticOf(found: Found): string {
  const { measured, sums, needed, size, sizeNow, knee, cause, isBeyond, isCapped } = found;
  const { poolSize, waitTargetMs, ceiling, leaks, peak } = measured;
  const parts = [
    `${transactions(sums.rate)} x ${ms(sums.holdMs)} held = ${whole(sums.offered)} busy`,
    sums.isFull
      ? `all ${poolSize} are held all the time and ${whole(sums.waiting)} wait, so how many more would be used is not seen: up to ${needed}`
      : `for p99 wait < ${ms(waitTargetMs)} as they come: ${needed}${isBeyond ? ' or more' : ''}`,
  ];
  if (knee !== null && cause === 'postgres_saturated') parts.push(kneeWords(knee));
  if (peak !== null && size > sizeNow) parts.push(`${ago(peak.agoMs)} ago ${peak.servers} were needed`);
  if (isCapped) parts.push(`twice ${poolSize} is as far as can be told from here`);
  if (ceiling !== null && ceiling.servers <= size) parts.push(`${ceiling.because} allows ${ceiling.servers}`);
  if (leaks > 0) parts.push(`${leaks} leaked, for which no server is added`);
  const difference = size - poolSize;
  const isKept = difference === 0 || cause === 'limited' || cause === 'leak';
  const end = isKept ? '' : difference > 0 ? `; ${difference} are missing` : `; ${-difference} could go`;
  return `${parts.join('; ')}; you have ${poolSize}${end}.`;
}

function kneeWords({ estimate, quiet, busy, servers: found }: Knee): string {
  const took = `a transaction takes ${ms(busy.xactMs)} while ${whole(busy.held)} servers work, ${ms(quiet.xactMs)} while ${whole(quiet.held)} do`;
  const sum = `${whole(busy.held)} x ${ms(quiet.xactMs)} / ${ms(busy.xactMs)} = ${whole(estimate)} would get as much done`;
  return `${took}: ${sum}${found > Math.ceil(estimate) ? `, ${found} by what was measured in between` : ''}`;
}

function adviceOf(found: Found): string {
  const { measured, sums, cause, size, isCapped } = found;
  const { poolSize, waitTargetMs, ceiling } = measured;
  switch (cause) {
    case 'too_little_seen':
      return isStuck(sums, measured) ? 'SHOW HOLDERS says who has the servers.' : 'Look again when there is load.';
    case 'leak':
      return 'Mend the leak first: SHOW LEAKS and SHOW HOLDERS name who it is.';
    case 'postgres_saturated':
      return `Fewer servers finish as many transactions, and the others wait in order here instead of inside Postgres (CPU, disk or locks: see wait_event in pg_stat_activity)${poolSize > size ? '' : '; do not add servers'}.`;
    case 'idle_in_transaction':
      return `Let the application begin its transactions later and end them sooner: what it does in between needs no server.`;
    case 'pinned':
      return 'See SHOW PINS for the reasons, and session_policy.';
    case 'limited':
      return `Let ${ceiling?.because} have more if Postgres has room for it (pgsluice doctor counts), or take servers from other pools; pool_size alone changes nothing.`;
    case 'slow_statements':
      return `Statements take ${ms(sums.statementMs)} a transaction: twice as fast, half as many servers. Until then raise pool_size${again(isCapped)}.`;
    case 'too_small':
      return `Raise pool_size if Postgres has room for it${again(isCapped)}.`;
    case 'too_large':
      return isWaitingElse(found)
        ? `Lower pool_size if the load is never higher than it was. ${WAITING_ELSE}.`
        : `Lower pool_size if the load is never higher than it was: p99 wait stays below ${ms(waitTargetMs)}.`;
    case 'lifetime_too_short':
      return `${measured.logins} logins in ${whole(sums.seconds)} s: raise server_lifetime.`;
    case 'login_churn':
      return `${measured.logins} logins in ${whole(sums.seconds)} s: set min_pool_size to ${Math.min(Math.max(Math.ceil(sums.held), 1), poolSize)}, or raise server_idle_timeout.`;
    default:
      return isWaitingElse(found) ? `${WAITING_ELSE}.` : 'Nothing is to be done.';
  }
}

const again = (isCapped: boolean) => (isCapped ? ', and look again then' : '');

function ago(time: number): string {
  const minutes = Math.max(Math.round(time / 60_000), 1);
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}

/** Strangers choose names. */
function nameOf(application: string): string {
  return application === '' ? 'an application without a name' : `"${application.slice(0, 64)}"`;
}
