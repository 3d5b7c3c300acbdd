// The load, in a process of its own: gets its plan as a message, plays it, sends what came of every transaction.
import type { Address } from '../../src/cli/demo/demo-database.ts';
import { type Attempt, now, Stage } from '../../src/cli/demo/stage.ts';
import { ACTS, seeds } from './cast.ts';
import { FROM_THE_START, type Scenario } from './scenarios.ts';

/** In ms: not measured, measured without trouble, with trouble, behind it. */
export interface Phases {
  readonly settle: number;
  readonly warm: number;
  readonly window: number;
  readonly after: number;
}

export interface Plan {
  readonly address: Address;
  readonly scenario: Scenario;
  readonly seed: number;
  readonly phases: Phases;
}

/** When each phase began, in ms since 1970. */
export interface Marks {
  readonly warm: number;
  readonly window: number;
  readonly after: number;
  readonly end: number;
}

export type GeneratorMessage =
  | { readonly kind: 'started'; readonly marks: Marks }
  | { readonly kind: 'done'; readonly attempts: readonly Attempt[]; readonly userSeconds: number };

async function play({ address, scenario, seed, phases }: Plan): Promise<void> {
  const stage = new Stage(address);
  let isWindowOver = false;
  const start = (isEarly: boolean) => {
    for (const [index, part] of scenario.parts.entries()) {
      if (FROM_THE_START.has(part.role) !== isEarly) continue;
      void ACTS[part.role](stage, part, seeds(seed * 100 + index), () => isWindowOver);
    }
  };
  start(true);
  const warm = now() + phases.settle;
  const window = warm + phases.warm;
  const after = window + phases.window;
  const marks: Marks = { warm, window, after, end: after + phases.after };
  process.send?.({ kind: 'started', marks } satisfies GeneratorMessage);
  await stage.pause(marks.window - now());
  start(false);
  await stage.pause(marks.after - now());
  isWindowOver = true;
  await stage.pause(marks.end - now());
  stage.end();
  const userSeconds = process.cpuUsage().user / 1e6;
  const done: GeneratorMessage = { kind: 'done', attempts: stage.attempts, userSeconds };
  process.send?.(done, () => process.exit(0));
}

process.once('message', (plan: Plan) => void play(plan));
process.once('disconnect', () => process.exit(1));
