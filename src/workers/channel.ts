// Questions and answers over the messages of two processes: each side calls the other by name.

import type { Call, Reply } from './messages.ts';

type Calls<C> = { readonly [N in keyof C]: { readonly argument: unknown; readonly answer: unknown } };
/** What this side answers. */
export type Served<C extends Calls<C>> = {
  readonly [N in keyof C]: (argument: C[N]['argument']) => C[N]['answer'] | Promise<C[N]['answer']>;
};

interface Waiting {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Ours: what this side calls. Theirs: what it is called for. */
export class Channel<Ours extends Calls<Ours>, Theirs extends Calls<Theirs>> {
  readonly #send: (message: Call | Reply) => void;
  readonly #served: Served<Theirs>;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #closed: Error | null = null;

  constructor(send: (message: Call | Reply) => void, served: Served<Theirs>) {
    this.#send = send;
    this.#served = served;
  }

  /** Rejects when the other side fails, is gone, or (timeoutMs) says nothing. */
  call<N extends keyof Ours & string>(
    name: N,
    argument: Ours[N]['argument'],
    timeoutMs = 0,
  ): Promise<Ours[N]['answer']> {
    if (this.#closed !== null) return Promise.reject(this.#closed);
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer =
        timeoutMs === 0
          ? undefined
          : setTimeout(() => this.#take(id)?.reject(new Error(`${name}: no answer within ${timeoutMs} ms`)), timeoutMs);
      const stop = () => clearTimeout(timer);
      this.#waiting.set(id, {
        resolve: (answer) => {
          stop();
          resolve(answer as Ours[N]['answer']);
        },
        reject: (error) => {
          stop();
          reject(error);
        },
      });
      this.#send({ kind: 'call', id, name, argument });
    });
  }

  receive(message: Call | Reply): void {
    if (message.kind === 'reply') {
      const waiting = this.#take(message.id);
      if (message.ok) waiting?.resolve(message.answer);
      else waiting?.reject(new Error(message.problem));
      return;
    }
    const { id, name, argument } = message;
    const serve = this.#served[name as keyof Theirs] as ((argument: unknown) => unknown) | undefined;
    // Begun in this turn: what comes behind it finds it done.
    new Promise((resolve) => {
      if (serve === undefined) throw new Error(`nobody serves ${name}`);
      resolve(serve(argument));
    }).then(
      (answer) => this.#send({ kind: 'reply', id, ok: true, answer }),
      (error: unknown) =>
        this.#send({ kind: 'reply', id, ok: false, problem: error instanceof Error ? error.message : String(error) }),
    );
  }

  /** The other side is gone. */
  close(reason: string): void {
    this.#closed = new Error(reason);
    for (const id of [...this.#waiting.keys()]) this.#take(id)?.reject(this.#closed);
  }

  #take(id: number): Waiting | null {
    const waiting = this.#waiting.get(id) ?? null;
    this.#waiting.delete(id);
    return waiting;
  }
}
