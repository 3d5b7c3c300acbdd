// Facts about the machine: what the kernel and the container's cgroup allow. Linux; elsewhere nothing is known.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openFileLimit } from '../../net/file-limit.ts';
import type { HostFacts } from '../facts.ts';

/** root: where /sys and /proc are. */
export function gatherHost(root = '/'): HostFacts {
  return {
    openFiles: openFileLimit(),
    hasCgroup: existsSync(join(root, 'sys/fs/cgroup')),
    cpus: cpusOf(root),
    memory: memoryOf(root),
    somaxconn: numberIn(join(root, 'proc/sys/net/core/somaxconn')),
  };
}

function cpusOf(root: string): number | null {
  // cgroup v2: "50000 100000" or "max 100000"; v1 has two files, and -1 for no limit.
  const [quota, period] = wordsIn(join(root, 'sys/fs/cgroup/cpu.max'));
  const micros = quota === undefined ? numberIn(join(root, 'sys/fs/cgroup/cpu/cpu.cfs_quota_us')) : Number(quota);
  const each = period === undefined ? numberIn(join(root, 'sys/fs/cgroup/cpu/cpu.cfs_period_us')) : Number(period);
  if (!micros || !each || !(micros > 0) || !(each > 0)) return null;
  return Math.round((micros / each) * 100) / 100;
}

function memoryOf(root: string): number | null {
  const v2 = wordsIn(join(root, 'sys/fs/cgroup/memory.max'))[0];
  const bytes = v2 === undefined ? numberIn(join(root, 'sys/fs/cgroup/memory/memory.limit_in_bytes')) : Number(v2);
  // v1 says nearly 2^63 for no limit.
  return bytes === null || !Number.isFinite(bytes) || bytes > 2 ** 60 ? null : bytes;
}

function numberIn(file: string): number | null {
  const [word] = wordsIn(file);
  const number = Number(word);
  return word === undefined || !Number.isFinite(number) ? null : number;
}

function wordsIn(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').trim().split(/\s+/);
  } catch {
    return [];
  }
}
