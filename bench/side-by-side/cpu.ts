// What a process and all that it started have used of the processor, and of memory. Linux: Documentation/filesystems/proc.rst.
import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks of /proc are hundredths of a second on every Linux that Node runs on. */
const TICKS = 100;

export interface Cpu {
  /** Seconds. */
  readonly user: number;
  readonly system: number;
}

/** The fields of /proc/PID/stat behind the name in parentheses, which may have spaces. */
function statOf(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** The process and those below it. */
function family(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      parents.set(Number(name), Number(statOf(Number(name))[1]));
    } catch {
      // gone meanwhile
    }
  }
  const isOurs = (one: number): boolean => one === pid || (parents.has(one) && one > 1 && isOurs(parents.get(one)!));
  return [...parents.keys()].filter(isOurs);
}

/** Of those that run, and of those that have ended and were waited for. */
export function cpuOf(pid: number): Cpu {
  let [user, system] = [0, 0];
  for (const one of family(pid)) {
    const fields = statOf(one);
    user += Number(fields[11]) + Number(fields[13]);
    system += Number(fields[12]) + Number(fields[14]);
  }
  return { user: user / TICKS, system: system / TICKS };
}

/** Bytes of memory in use. */
export function memoryOf(pid: number): number {
  const of = (one: number) => Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${one}/status`, 'utf8'))?.[1] ?? 0);
  return family(pid).reduce((sum, one) => sum + of(one), 0) * 1024;
}
