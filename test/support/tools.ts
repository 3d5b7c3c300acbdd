// Programs of the machine that some tests need: found on PATH, or the test is skipped with a reason that the CI table prints.
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { TestContext } from 'vitest';

declare module 'vitest' {
  interface TaskMeta {
    skipReason?: string;
  }
}

/** The full path of a program, or null. */
export function findTool(name: string): string | null {
  for (const dir of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(dir, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // not in this folder
    }
  }
  return null;
}

/** Skips the running test and leaves the reason in the report. The word before the colon is what CI_REQUIRE may name. */
export function skipBecause(context: TestContext, reason: string): never {
  context.task.meta.skipReason = reason;
  return context.skip(reason);
}

/** The path of a program that the running test can't do without. */
export function needTool(context: TestContext, name: string): string {
  return findTool(name) ?? skipBecause(context, `${name}: not found on PATH`);
}
