// Signals that arrive before the pooler can act on them: held from the first line of the process, handed over when it is up.
// Only the command imports this before main.ts; its syntax must load on Node 16.

export type ControlSignal = 'SIGHUP' | 'SIGINT' | 'SIGQUIT' | 'SIGTERM' | 'SIGUSR1' | 'SIGUSR2';

const names: ControlSignal[] = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2'];
const held: ControlSignal[] = [];
let holding = false;
let handler: ((signal: ControlSignal) => void) | null = null;

/** More than a handful of early signals say nothing new. */
const MAX_HELD = 16;

function onSignal(signal: NodeJS.Signals): void {
  if (handler) handler(signal as ControlSignal);
  else if (held.length < MAX_HELD) held.push(signal as ControlSignal);
}

/**
 * From here on no control signal has its default effect. Without it a HUP or USR2 during start would kill the process, and USR1 would open
 * Node's debugger: a listener keeps Node from that.
 */
export function holdSignals(): void {
  if (holding) return;
  holding = true;
  for (const name of names) process.on(name, onSignal);
}

/** Hands over the held signals in their order, then each further one. There is one handler; the last one given counts. */
export function onSignals(next: (signal: ControlSignal) => void): void {
  holdSignals();
  handler = next;
  for (const signal of held.splice(0)) next(signal);
}

/** Gives the signals their default effects back; used by tests and by what embeds the pooler. */
export function releaseSignals(): void {
  handler = null;
  holding = false;
  held.length = 0;
  for (const name of names) process.off(name, onSignal);
}
