// The one table of what may differ between a session straight to Postgres and one through pgsluice, each with its reason.
// Nothing else may: the transparency tests compare everything that is not named here byte for byte.
import type { BackendMessage } from '../support/wire-backend.ts';

export interface Difference {
  readonly what: string;
  readonly reason: string;
  /** The messages with the difference taken out. */
  readonly level: (messages: readonly BackendMessage[]) => readonly BackendMessage[];
}

/** Which pid stands in a notification: that of the notifier, and it is another one in the other session. */
const PID_LENGTH = 4;

/** AuthenticationSASLContinue and AuthenticationSASLFinal. */
function isScramData(message: BackendMessage): boolean {
  return message.type === 'R' && (message.authType === 11 || message.authType === 12);
}

function withoutPid(message: BackendMessage): BackendMessage {
  return message.type === 'A' ? { ...message, body: message.body.subarray(PID_LENGTH) } : message;
}

export const DIFFERENCES: readonly Difference[] = [
  {
    what: 'process id in NotificationResponse',
    reason: 'it names the backend that notified, and the two sessions are served by two backends',
    level: (messages) => messages.map(withoutPid),
  },
  {
    what: 'SCRAM challenge and signature',
    reason: 'they hold a random nonce, and pgsluice keeps a secret of its own with its own salt',
    level: (messages) =>
      messages.map((message) => (isScramData(message) ? { ...message, body: Buffer.alloc(0) } : message)),
  },
  {
    what: 'BackendKeyData',
    reason: 'the client cancels through pgsluice, with a process id and a key of its own',
    level: (messages) => messages.filter((message) => message.type !== 'K'),
  },
  {
    what: 'order of ParameterStatus messages that stand next to each other',
    reason: 'Postgres promises none; at login pgsluice sends them in the order in which it learned them',
    level: (messages) => sortRuns(messages, (message) => message.type === 'S'),
  },
];

/** Sorts each run of neighbours that the test picks. */
function sortRuns(
  messages: readonly BackendMessage[],
  picks: (message: BackendMessage) => boolean,
): readonly BackendMessage[] {
  const out: BackendMessage[] = [];
  let run: BackendMessage[] = [];
  const endRun = () => {
    out.push(...run.sort((a, b) => Buffer.compare(a.body, b.body)));
    run = [];
  };
  for (const message of messages) {
    if (picks(message)) run.push(message);
    else {
      endRun();
      out.push(message);
    }
  }
  endRun();
  return out;
}

/** What is compared: one line a message, so that a failure reads as a diff. */
export function level(messages: readonly BackendMessage[]): string[] {
  const leveled = DIFFERENCES.reduce((left, difference) => difference.level(left), messages);
  return leveled.map(({ type, body }) => `${type} ${body.length > 400 ? summary(body) : body.toString('latin1')}`);
}

function summary(body: Buffer): string {
  let hash = 0;
  for (const byte of body) hash = (hash * 31 + byte) | 0;
  return `${body.length} bytes, hash ${hash}, ${body.toString('latin1', 0, 60)}...`;
}
