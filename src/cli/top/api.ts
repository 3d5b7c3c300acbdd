// What top asks of the HTTP API. It believes nothing of the answer: a field that is missing or strange is empty or zero.

export type Row = Readonly<Record<string, unknown>>;

/** One moment. */
export interface Picture {
  readonly overview: Row;
  readonly pools: readonly Row[];
  readonly holders: readonly Row[];
  /** When it was asked for: performance.now(). */
  readonly at: number;
}

export interface ApiOptions {
  /** http://host:port */
  readonly url: string;
  readonly token: string | null;
  readonly timeoutMs: number;
}

/** A page of a hundred thousand rows is no picture. */
const MAX_ROWS = 10_000;

/** Rejects with an Error whose message says what is wrong in a line. */
export async function fetchPicture(options: ApiOptions): Promise<Picture> {
  const at = performance.now();
  const [overview, pools, holders] = await Promise.all(
    ['overview', 'pools', 'holders'].map((name) => fetchJson(options, `/api/v1/${name}`)),
  );
  return { overview: rowOf(overview), pools: rowsOf(pools), holders: rowsOf(holders), at };
}

async function fetchJson({ url, token, timeoutMs }: ApiOptions, path: string): Promise<unknown> {
  const headers = token === null ? {} : { authorization: `Bearer ${token}` };
  let response: Response;
  try {
    response = await fetch(new URL(path, url), { headers, signal: AbortSignal.timeout(timeoutMs), redirect: 'error' });
  } catch (error) {
    throw new Error(`no answer from ${url}: ${causeOf(error)}`);
  }
  if (response.status === 401 || response.status === 403)
    throw new Error(`${url} wants a token: --token or PGSLUICE_TOKEN`);
  if (!response.ok) throw new Error(`${url}${path} answers ${response.status}: is it pgsluice?`);
  return response.json().catch(() => {
    throw new Error(`${url}${path} answers no JSON: is it pgsluice?`);
  });
}

/** fetch says "fetch failed" and hides the reason behind it. */
function causeOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  if (cause instanceof Error) return 'code' in cause && cause.code ? String(cause.code) : cause.message;
  return String(cause);
}

function rowOf(value: unknown): Row {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Row) : {};
}

/** A list by itself, or the one list in an object. */
export function rowsOf(value: unknown): readonly Row[] {
  const list = Array.isArray(value) ? value : Object.values(rowOf(value)).find((part) => Array.isArray(part));
  return Array.isArray(list) ? list.slice(0, MAX_ROWS).map(rowOf) : [];
}

/** The field at a path such as `clients.waiting`. */
function fieldOf(row: Row, path: string): unknown {
  let value: unknown = row;
  for (const key of path.split('.')) value = rowOf(value)[key];
  return value;
}

export function textOf(row: Row, path: string): string {
  const value = fieldOf(row, path);
  if (Array.isArray(value)) return value.filter((item) => typeof item === 'string').join(', ');
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

export function numberOf(row: Row, path: string): number {
  const value = fieldOf(row, path);
  return typeof value === 'number' && Number.isFinite(value) ? value : 0;
}

/** Values of an object whose values are numbers, together. */
export function sumOf(row: Row, path: string): number {
  return Object.values(rowOf(fieldOf(row, path))).reduce<number>((sum, value) => sum + (Number(value) || 0), 0);
}
