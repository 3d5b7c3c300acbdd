// The advice in sentences: what was measured, what it comes to, and the line to change.

import { formatDuration } from '../util/duration.ts';
import type { Advice } from './advice.ts';
import type { Found } from './found.ts';
import type { Knee } from './knee.ts';

const whole = (number: number) => (number >= 10 ? number.toFixed(0) : number.toFixed(1));
const ms = (time: number) => (time >= 10 || time === 0 ? formatDuration(time) : `${time.toFixed(1)} ms`);
const percent = (share: number) => `${Math.round(share * 100)} %`;
const servers = (count: number) => `${count} server${count === 1 ? '' : 's'}`;
const transactions = (rate: number) => `${whole(rate)} tx/s`;

export function say(found: Found): Advice {
  const { measured, cause, size, sizeNow, sizeWithout, confidence } = found;
  const { poolSize } = measured;
  const isKnown = cause !== 'too_little_seen';
  const isWorthIt = isKnown && (size > poolSize || (size < poolSize && cause !== 'fits'));
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

function titleOf({ measured, sums, cause, size, sizeWithout, knee }: Found): string {
  const { poolSize, idlest } = measured;
  const change = size > poolSize ? `${size - poolSize} more would do` : `${poolSize - size} could go`;
  switch (cause) {
    case 'too_little_seen':
      return 'Too little was seen to say anything.';
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
      return 'The pool fits what is asked of it.';
  }
}

function seenOf({ sums }: Found): string {
  return `${sums.arrivals} transactions in ${whole(sums.seconds)} s: at least 50 in 5 s are needed.`;
}

function arithmeticOf(found: Found): string {
  const { measured, sums, needed, size, sizeNow, knee, cause, isCapped } = found;
  const { poolSize, waitTargetMs, ceiling, leaks, peak } = measured;
  const parts = [
    `${transactions(sums.rate)} x ${ms(sums.holdMs)} held = ${whole(sums.offered)} busy`,
    sums.isFull
      ? `all ${poolSize} are held all the time and ${whole(sums.waiting)} wait, so how many more would be used is not seen: up to ${needed}`
      : `for p99 wait < ${ms(waitTargetMs)} as they come: ${needed}`,
  ];
  if (knee !== null && cause === 'postgres_saturated') parts.push(kneeWords(knee));
  if (peak !== null && size > sizeNow) parts.push(`${ago(peak.agoMs)} ago ${peak.servers} were needed`);
  if (isCapped) parts.push(`twice ${poolSize} is as far as can be told from here`);
  if (ceiling !== null && ceiling.servers <= size) parts.push(`${ceiling.because} allows ${ceiling.servers}`);
  if (leaks > 0) parts.push(`${leaks} leaked, for which no server is added`);
  const difference = size - poolSize;
  const end = difference === 0 ? '' : difference > 0 ? `; ${difference} are missing` : `; ${-difference} could go`;
  return `${parts.join('; ')}; you have ${poolSize}${end}.`;
}

function kneeWords({ quiet, busy, servers: found }: Knee): string {
  const least = (busy.held * quiet.xactMs) / busy.xactMs;
  const took = `a transaction takes ${ms(busy.xactMs)} while ${whole(busy.held)} servers work, ${ms(quiet.xactMs)} while ${whole(quiet.held)} do`;
  const sum = `${whole(busy.held)} x ${ms(quiet.xactMs)} / ${ms(busy.xactMs)} = ${whole(least)} would get as much done`;
  return `${took}: ${sum}${found > Math.ceil(least) ? `, ${found} by what was measured in between` : ''}`;
}

function adviceOf(found: Found): string {
  const { measured, sums, cause, size, isCapped } = found;
  const { poolSize, waitTargetMs } = measured;
  switch (cause) {
    case 'too_little_seen':
      return 'Look again when there is load.';
    case 'leak':
      return 'Mend the leak first: SHOW LEAKS names who it is.';
    case 'postgres_saturated':
      return `Fewer servers finish as many transactions, and the others wait in order here instead of inside Postgres (CPU, disk or locks: see wait_event in pg_stat_activity)${poolSize > size ? '' : '; do not add servers'}.`;
    case 'idle_in_transaction':
      return `Let the application begin its transactions later and end them sooner: what it does in between needs no server.`;
    case 'pinned':
      return 'See SHOW PINS for the reasons, and session_policy.';
    case 'slow_statements':
      return `Statements take ${ms(sums.statementMs)} a transaction: twice as fast, half as many servers. Until then raise pool_size${again(isCapped)}.`;
    case 'too_small':
      return `Raise pool_size if Postgres has room for it${again(isCapped)}.`;
    case 'too_large':
      return `Lower pool_size if the load is never higher than it was: p99 wait stays below ${ms(waitTargetMs)}.`;
    case 'lifetime_too_short':
      return `${measured.logins} logins in ${whole(sums.seconds)} s: raise server_lifetime.`;
    case 'login_churn':
      return `${measured.logins} logins in ${whole(sums.seconds)} s: set min_pool_size to ${Math.max(Math.ceil(sums.held), 1)}, or raise server_idle_timeout.`;
    default:
      return 'Nothing is to be done.';
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
