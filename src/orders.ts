// The verbs of control as data: what the console, HTTP and signals want done, wherever it has to be done.

import type { Problem } from './config/problems.ts';
import type { Control, ShutdownMode } from './control.ts';

export type DatabaseVerb = 'pause' | 'resume' | 'reconnect' | 'kill' | 'wait_close';

export type Order =
  /** null: all databases. */
  | { readonly verb: DatabaseVerb; readonly database: string | null }
  | { readonly verb: 'disable' | 'enable'; readonly database: string }
  | { readonly verb: 'set'; readonly key: string; readonly value: string }
  | { readonly verb: 'reload' }
  | { readonly verb: 'shutdown'; readonly mode: ShutdownMode }
  | { readonly verb: 'kill_client'; readonly id: number }
  | { readonly verb: 'reclaim'; readonly client: number; readonly server: number };

export type Outcome =
  | { readonly kind: 'done' }
  /** set: why the value can't be. */
  | { readonly kind: 'refused'; readonly text: string }
  /** reload: what is wrong with the file. */
  | { readonly kind: 'problems'; readonly problems: readonly Problem[] }
  /** reclaim: its client uses the server. */
  | { readonly kind: 'in_use' }
  /** There is no such client. */
  | { readonly kind: 'gone' };

/** Who carries orders out; resolves when they are. */
export interface Verbs {
  /** To look at, not to act through. */
  readonly control: Control;
  perform(order: Order): Promise<Outcome>;
}

const DONE: Outcome = { kind: 'done' };
const GONE: Outcome = { kind: 'gone' };

/** In this process. What takes no time is done when this returns. */
export async function perform(control: Control, order: Order): Promise<Outcome> {
  switch (order.verb) {
    case 'pause':
      await control.pause(order.database);
      return DONE;
    case 'resume':
      control.resume(order.database);
      return DONE;
    case 'reconnect':
      control.reconnect(order.database);
      return DONE;
    case 'kill':
      control.kill(order.database);
      return DONE;
    case 'wait_close':
      await control.waitClose(order.database);
      return DONE;
    case 'disable':
      control.disable(order.database);
      return DONE;
    case 'enable':
      control.enable(order.database);
      return DONE;
    case 'set': {
      const text = control.set(order.key, order.value);
      return text === null ? DONE : { kind: 'refused', text };
    }
    case 'reload': {
      const result = control.reload();
      return result.ok ? DONE : { kind: 'problems', problems: result.problems };
    }
    case 'shutdown':
      control.shutdown(order.mode);
      return DONE;
    case 'kill_client':
      return control.killClient(order.id) ? DONE : GONE;
    case 'reclaim': {
      const outcome = control.reclaim(order.client, order.server);
      return { kind: outcome };
    }
  }
}

/** Where there is one process. */
export function verbsOf(control: Control): Verbs {
  return { control, perform: (order) => perform(control, order) };
}
