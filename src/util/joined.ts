// Work that several may share, and nobody gets a result of that was begun before he asked.

interface Flight<T> {
  readonly running: Promise<T>;
  /** For those that came while it ran. */
  next: Promise<T> | null;
}

/** For each key at most one piece of work runs and one waits behind it. */
export class Joined<K, T> {
  readonly #work: (key: K) => Promise<T>;
  readonly #flights = new Map<K, Flight<T>>();

  /** `work` never rejects. */
  constructor(work: (key: K) => Promise<T>) {
    this.#work = work;
  }

  /** Keys that are worked for. */
  get size(): number {
    return this.#flights.size;
  }

  has(key: K): boolean {
    return this.#flights.has(key);
  }

  run(key: K): Promise<T> {
    const flight = this.#flights.get(key);
    if (flight === undefined) return this.#start(key);
    flight.next ??= flight.running.then(() => this.#flights.get(key)!.running);
    return flight.next;
  }

  #start(key: K): Promise<T> {
    const running = this.#work(key).then((result) => {
      const { next } = this.#flights.get(key)!;
      this.#flights.delete(key);
      // Before those that wait for it are told: they look for the flight that begins here.
      if (next !== null) this.#start(key);
      return result;
    });
    this.#flights.set(key, { running, next: null });
    return running;
  }
}
