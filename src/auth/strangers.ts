// What a user that is not known is asked for by method md5: what most others are asked for, so that it does not stand out.
// Postgres: CheckPWChallengeAuth asks a user without a secret for what password_encryption says.

import { parseSecret } from './secret.ts';

export type Asked = 'md5' | 'scram-sha-256';

/** None at all: they are in Postgres, which has stored SCRAM secrets for many years. */
export function askedOfMost(secrets: Iterable<string>): Asked {
  let scram = 0;
  let others = 0;
  for (const secret of secrets) {
    const { kind } = parseSecret(secret);
    if (kind === 'scram') scram += 1;
    else if (kind !== 'invalid') others += 1;
  }
  return scram >= others ? 'scram-sha-256' : 'md5';
}
