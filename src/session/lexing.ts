// How a session reads the texts that it gets: what decides where a string ends.

export interface Lexing {
  /** Backslashes mean something in plain strings (standard_conforming_strings off). */
  readonly backslashes: boolean;
  /** No byte below 128 is a part of another character (client_encoding). */
  readonly asciiSafe: boolean;
}

/** Postgres: encodings that are only for clients (PG_ENCODING_BE_LAST in pg_wchar.h): their second bytes may be ASCII. */
const NOT_ASCII_SAFE = new Set(['BIG5', 'GB18030', 'GBK', 'JOHAB', 'SHIFT_JIS_2004', 'SJIS', 'UHC']);

const LEXINGS: readonly Lexing[] = [
  { backslashes: false, asciiSafe: true },
  { backslashes: true, asciiSafe: true },
  { backslashes: false, asciiSafe: false },
  { backslashes: true, asciiSafe: false },
];

/** From ParameterStatus. */
export function lexingOf(reported: ReadonlyMap<string, string>): Lexing {
  const backslashes = reported.get('standard_conforming_strings') === 'off' ? 1 : 0;
  const unsafe = NOT_ASCII_SAFE.has(reported.get('client_encoding') ?? '') ? 2 : 0;
  return LEXINGS[backslashes + unsafe]!;
}

/** A statement that may have changed it is on its way. */
export const UNSURE_LEXING: Lexing = { backslashes: true, asciiSafe: false };
