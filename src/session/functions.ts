// Which functions of a database may change a session, and which tables when they are used: read from the catalog, so that
// ordinary calls cost nothing. Pure: the statement that asks, and the reader of its answer.
//
// A function in SQL or PL/pgSQL is searched like a statement; one in C is believed when it is not volatile, or comes with
// an extension that is known; in any other language nobody can tell. Whatever calls one that may, may too: functions,
// and tables by their triggers, rules, defaults, constraints and policies.

import type { CustomNames } from './custom-names.ts';
import { Lexicon, POSTGRES_LEXICON, wordHash } from './lexicon.ts';
import { lexingOf } from './lexing.ts';
import { scanBody } from './scan.ts';
import { Suspect } from './suspect.ts';

/** Volatile C functions of these change nothing that outlives a statement; dblink_connect() and set_limit() are known by name. */
const HARMLESS_EXTENSIONS = [
  'amcheck',
  'autoinc',
  'btree_gin',
  'btree_gist',
  'citext',
  'cube',
  'dblink',
  'earthdistance',
  'file_fdw',
  'fuzzystrmatch',
  'hstore',
  'insert_username',
  'intarray',
  'lo',
  'ltree',
  'moddatetime',
  'pageinspect',
  'pg_buffercache',
  'pg_freespacemap',
  'pg_prewarm',
  'pg_stat_statements',
  'pg_trgm',
  'pg_visibility',
  'pg_walinspect',
  'pgcrypto',
  'pgrowlocks',
  'pgstattuple',
  'postgis',
  'postgis_raster',
  'postgis_topology',
  'postgres_fdw',
  'refint',
  'seg',
  'sslinfo',
  'tablefunc',
  'tcn',
  'tsm_system_rows',
  'tsm_system_time',
  'unaccent',
  'uuid-ossp',
  'vector',
  'xml2',
];

/** A longer body is not read. */
const MAX_BODY = 65_536;
/** Postgres: FirstNormalObjectId (access/transam.h): what has a smaller oid came with Postgres. */
const FIRST_NORMAL_OID = 16_384;

/** The letter of a row's first column. */
const Kind = { function: 'f', uses: 'u', passesOn: 'e', relation: 'r', sequence: 'q' } as const;

const OWN = `>= ${FIRST_NORMAL_OID}`;

const FUNCTION_ROWS = `SELECT '${Kind.function}', p.oid::text, p.proname::text, l.lanname::text,
  CASE WHEN l.lanname IN ('sql', 'plpgsql')
    THEN left(coalesce(pg_get_function_sqlbody(p.oid), p.prosrc), ${MAX_BODY + 1}) ELSE '' END
 FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
 WHERE p.oid ${OWN} AND (l.lanname <> 'internal' OR p.prokind = 'a') AND (l.lanname <> 'c' OR p.provolatile = 'v')
  AND p.pronamespace <> 'information_schema'::regnamespace
  AND NOT EXISTS (SELECT FROM pg_depend d JOIN pg_extension x ON x.oid = d.refobjid
    WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_extension'::regclass
    AND d.deptype = 'e' AND l.lanname = 'c' AND x.extname = ANY ('{${HARMLESS_EXTENSIONS.join(',')}}'))`;

/** Who uses a function: another function (an aggregate), or the relation that a trigger, rule, default and so on belongs to. */
const USE_ROWS = `SELECT '${Kind.uses}', d.refobjid::text, CASE WHEN d.classid = 'pg_proc'::regclass THEN 'f' ELSE 'r' END,
  coalesce(CASE WHEN d.classid = 'pg_proc'::regclass THEN d.objid END, w.ev_class, a.adrelid, t.tgrelid, c.conrelid, y.polrelid)::text, ''
 FROM pg_depend d
 LEFT JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
 LEFT JOIN pg_attrdef a ON d.classid = 'pg_attrdef'::regclass AND a.oid = d.objid
 LEFT JOIN pg_trigger t ON d.classid = 'pg_trigger'::regclass AND t.oid = d.objid
 LEFT JOIN pg_constraint c ON d.classid = 'pg_constraint'::regclass AND c.oid = d.objid
 LEFT JOIN pg_policy y ON d.classid = 'pg_policy'::regclass AND y.oid = d.objid
 WHERE d.refclassid = 'pg_proc'::regclass AND d.refobjid ${OWN}
  AND d.classid IN ('pg_proc'::regclass, 'pg_rewrite'::regclass, 'pg_attrdef'::regclass, 'pg_trigger'::regclass,
    'pg_constraint'::regclass, 'pg_policy'::regclass)`;

/** A statement on the second relation may act on the first: partitions, foreign keys, views. */
const PASS_ON_ROWS = `SELECT '${Kind.passesOn}', a::text, b::text, '', '' FROM (
  SELECT inhrelid, inhparent FROM pg_inherits
  UNION SELECT conrelid, confrelid FROM pg_constraint WHERE contype = 'f'
  UNION SELECT d.refobjid, w.ev_class FROM pg_depend d JOIN pg_rewrite w ON w.oid = d.objid
   WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> w.ev_class
   AND w.oid ${OWN}) edges (a, b)`;

const RELATION_ROWS = `SELECT '${Kind.relation}', oid::text, relname::text, '', '' FROM pg_class
 WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND oid ${OWN}`;

const HAS_FUNCTIONS = `EXISTS (SELECT FROM pg_depend WHERE refclassid = 'pg_proc'::regclass AND refobjid ${OWN})`;

/** Tables whose rows are numbered by a sequence. */
const SEQUENCE_ROWS = `SELECT DISTINCT '${Kind.sequence}', d.refobjid::text, c.relname::text, '', ''
 FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' JOIN pg_class c ON c.oid = d.refobjid
 WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') AND c.oid ${OWN}`;

function inTransaction(select: string): string {
  return `BEGIN READ ONLY;SET LOCAL search_path TO pg_catalog;SET LOCAL statement_timeout TO 0;${select};COMMIT`;
}

/** Simple Query text. */
export const CATALOG_QUERY = inTransaction(
  [
    FUNCTION_ROWS,
    USE_ROWS,
    SEQUENCE_ROWS,
    `SELECT * FROM (${PASS_ON_ROWS}) x WHERE ${HAS_FUNCTIONS}`,
    `SELECT * FROM (${RELATION_ROWS}) x WHERE ${HAS_FUNCTIONS}`,
  ].join(' UNION ALL '),
);

/** One row that differs when a function, trigger, rule, default, constraint or policy came, went or was changed. */
export const FINGERPRINT_QUERY = inTransaction(
  ['pg_proc', 'pg_trigger', 'pg_rewrite', 'pg_attrdef', 'pg_constraint', 'pg_policy']
    .map(
      (
        table,
      ) => `SELECT '${table}', count(*)::text || ' ' || coalesce(sum(hashtext(oid::text || ' ' || xmin::text || ' ' || ctid::text)), 0)::text
 FROM ${table} WHERE oid ${OWN}`,
    )
    .join(' UNION ALL '),
);

/** Rows of the fingerprint as one text. */
export class FingerprintReader {
  value = '';

  readRow(buffer: Buffer, start: number, end: number): void {
    this.value += buffer.toString('latin1', start + 7, end);
  }
}

const BODY_LEXING = lexingOf(new Map());

interface Body {
  /** Hashes of all its words. */
  readonly words: ReadonlySet<number>;
  readonly name: number;
}

/** Rows of CATALOG_QUERY into a lexicon. */
export class CatalogReader {
  /** By oid: bits of Suspect of functions and relations, as far as known. */
  readonly #masks = new Map<string, number>();
  readonly #bodies = new Map<string, Body>();
  readonly #users = new Map<string, string[]>();
  readonly #relations = new Map<string, number>();
  readonly #sequences = new Map<number, number>();
  readonly #names: CustomNames;

  /** names: gets those that the functions set. */
  constructor(names: CustomNames) {
    this.#names = names;
  }

  /** A whole DataRow at buffer[start, end). */
  readRow(buffer: Buffer, start: number, end: number): void {
    const values = readValues(buffer, start + 7, end);
    const [kind, oid, third, fourth, body] = values.map((value) => value ?? EMPTY);
    if (kind === undefined || oid === undefined || third === undefined || fourth === undefined || body === undefined)
      return;
    const id = oid.toString('latin1');
    switch (kind.toString('latin1')) {
      case Kind.function:
        this.#function(id, third, fourth.toString('latin1'), body);
        break;
      case Kind.uses:
        this.#uses(id, fourth.toString('latin1'));
        break;
      case Kind.passesOn:
        this.#uses(id, third.toString('latin1'));
        break;
      case Kind.relation:
        this.#relations.set(id, wordHash(third));
        break;
      case Kind.sequence:
        this.#sequences.set(wordHash(third), Suspect.Sequence);
    }
  }

  #function(oid: string, name: Buffer, language: string, body: Buffer): void {
    const words = new Set<number>();
    let mask: number = Suspect.Opaque;
    if (language === 'internal')
      mask = Suspect.None; // an aggregate: what it uses tells
    else if ((language === 'sql' || language === 'plpgsql') && body.length <= MAX_BODY)
      mask = scanBody(body, POSTGRES_LEXICON, BODY_LEXING, words);
    if ((mask & (Suspect.Parameter | Suspect.Opaque)) !== 0 && !this.#names.readText(body.toString()))
      mask |= Suspect.Opaque;
    this.#masks.set(oid, mask);
    this.#bodies.set(oid, { words, name: wordHash(name) });
  }

  #uses(oid: string, user: string): void {
    const users = this.#users.get(oid);
    if (users === undefined) this.#users.set(oid, [user]);
    else users.push(user);
  }

  /** When all rows were read. */
  lexicon(): Lexicon {
    const callers = this.#callers();
    // Masks only grow, so it ends.
    const queue = [...this.#masks.keys()];
    for (let oid = queue.pop(); oid !== undefined; oid = queue.pop()) {
      const mask = this.#masks.get(oid) ?? Suspect.None;
      if (mask === Suspect.None) continue;
      const name = this.#bodies.get(oid)?.name ?? this.#relations.get(oid);
      const users = [...(this.#users.get(oid) ?? []), ...(name === undefined ? [] : (callers.get(name) ?? []))];
      for (const user of users) {
        const before = this.#masks.get(user) ?? Suspect.None;
        if ((before | mask) === before) continue;
        this.#masks.set(user, before | mask);
        queue.push(user);
      }
    }
    const calls = new Map<number, number>();
    const names = new Map<number, number>(this.#sequences);
    for (const [oid, mask] of this.#masks) {
      const body = this.#bodies.get(oid);
      const relation = this.#relations.get(oid);
      if (body !== undefined) calls.set(body.name, (calls.get(body.name) ?? 0) | mask);
      else if (relation !== undefined) names.set(relation, (names.get(relation) ?? 0) | mask);
    }
    return new Lexicon(calls, names);
  }

  /** Functions by each word that their bodies have and that is the name of a function or relation. */
  #callers(): Map<number, string[]> {
    const callers = new Map<number, string[]>();
    for (const { name } of this.#bodies.values()) callers.set(name, []);
    for (const name of this.#relations.values()) callers.set(name, []);
    for (const [oid, { words }] of this.#bodies) for (const word of words) callers.get(word)?.push(oid);
    return callers;
  }
}

const EMPTY = Buffer.alloc(0);

function readValues(buffer: Buffer, from: number, end: number): (Buffer | null)[] {
  const values: (Buffer | null)[] = [];
  for (let at = from; at + 4 <= end; ) {
    const length = buffer.readInt32BE(at);
    at += 4;
    values.push(length < 0 ? null : buffer.subarray(at, Math.min(at + length, end)));
    at += Math.max(length, 0);
  }
  return values;
}
