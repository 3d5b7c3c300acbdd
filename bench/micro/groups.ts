// All that is measured.
import type { Group } from './case.ts';
import { frames } from './frames.ts';
import { links } from './links.ts';
import { queues } from './queues.ts';
import { sessions } from './sessions.ts';

export const GROUPS: readonly Group[] = [frames, sessions, queues, links];
