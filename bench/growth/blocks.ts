// How long the event loop was kept by one piece of work: processor time of its thread, because on a machine that others use, too, time is not what it costs.

/** Milliseconds of the thread that runs JavaScript. */
export function threadMs(): number {
  // Linux (thread_group_cputime): asking for the whole process brings the count of this thread up to date, which else is as old as the last tick.
  process.cpuUsage();
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

/** From start() to stop() each turn of the event loop is timed: for so long everybody else had to wait. */
export class Blocks {
  #isOn = false;
  #last = 0;
  #longest = 0;

  start(): void {
    this.#isOn = true;
    this.#longest = 0;
    this.#last = threadMs();
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    const now = threadMs();
    this.#longest = Math.max(this.#longest, now - this.#last);
    this.#last = now;
    if (this.#isOn) setImmediate(() => this.#turn());
  }

  /** The longest of them, in ms. */
  stop(): number {
    this.#isOn = false;
    return this.#longest;
  }
}
