// The other end of a SCRAM exchange, written from RFC 5802 alone: it shares no code with src, so both can't be wrong alike.
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';

/** RFC 7677 section 3. */
export const rfc7677 = {
  user: 'user',
  password: 'pencil',
  salt: 'W22ZaJ0SNY7soEsUEjb6gQ==',
  iterations: 4096,
  clientNonce: 'rOprNGfwEbeRWgbNEkqO',
  serverNonce: '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0',
  clientFirst: 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
  serverFirst: 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
  clientFinal:
    'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
  serverFinal: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
};

/** A password salted as it is, without SASLprep. */
export function salted(password: string, salt: Buffer | string, iterations: number): Buffer {
  const bytes = typeof salt === 'string' ? Buffer.from(salt, 'base64') : salt;
  return pbkdf2Sync(password, bytes, iterations, 32, 'sha256');
}

/** The stored form of a password, as Postgres keeps it. */
export function verifier(password: string, salt: string, iterations: number): string {
  const base = salted(password, salt, iterations);
  const stored = createHash('sha256').update(hmac(base, 'Client Key')).digest('base64');
  return `SCRAM-SHA-256$${iterations}:${salt}$${stored}:${hmac(base, 'Server Key').toString('base64')}`;
}

/** The body of a SASLInitialResponse. */
export function initialResponse(text: string, mechanism = 'SCRAM-SHA-256', length = Buffer.byteLength(text)): Buffer {
  const size = Buffer.alloc(4);
  size.writeInt32BE(length);
  return Buffer.concat([Buffer.from(`${mechanism}\0`), size, Buffer.from(text)]);
}

/** What a client answers to a server-first-message. */
export function clientFinal(
  password: string,
  bare: string,
  serverFirst: string,
  change: { binding?: string; nonce?: string; before?: string } = {},
): string {
  const [, nonce, salt, iterations] = /^r=([^,]*),s=([^,]*),i=(\d+)$/.exec(serverFirst)!;
  const clientKey = hmac(salted(password, salt!, Number(iterations)), 'Client Key');
  const text = `c=${change.binding ?? 'biws'},r=${change.nonce ?? nonce}${change.before ?? ''}`;
  const signature = hmac(createHash('sha256').update(clientKey).digest(), `${bare},${serverFirst},${text}`);
  return `${text},p=${Buffer.from(clientKey.map((byte, i) => byte ^ signature[i]!)).toString('base64')}`;
}

/** What a server that knows the password says at the end. */
export function serverFinal(password: string, bare: string, serverFirst: string, clientFinalText: string): string {
  const [, salt, iterations] = /,s=([^,]*),i=(\d+)$/.exec(serverFirst)!;
  const serverKey = hmac(salted(password, salt!, Number(iterations)), 'Server Key');
  const withoutProof = clientFinalText.slice(0, clientFinalText.lastIndexOf(',p='));
  return `v=${hmac(serverKey, `${bare},${serverFirst},${withoutProof}`).toString('base64')}`;
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
