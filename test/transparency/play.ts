// Plays a script on a logged-in connection and keeps what came back.

import type { WireClient } from '../support/wire.ts';
import type { BackendMessage } from '../support/wire-backend.ts';
import type { Script, Step } from './scripts.ts';

const STEP_TIMEOUT_MS = 10_000;

/** The messages that end a step: read one after the other. */
async function readStep(client: WireClient, step: Step): Promise<BackendMessage[]> {
  const messages: BackendMessage[] = [];
  for (const type of step.until) messages.push(...(await client.readUntil(type, STEP_TIMEOUT_MS)));
  return messages;
}

/** The replies of each step, and last what came unasked until the client's end. */
export async function play(client: WireClient, script: Script): Promise<BackendMessage[][]> {
  const replies: BackendMessage[][] = [];
  for (const step of script.steps) {
    client.send(step.send);
    replies.push(await readStep(client, step));
  }
  await client.end();
  replies.push([...client.unread]);
  return replies;
}
