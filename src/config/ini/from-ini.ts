// Turns the entries of a pgbouncer.ini into the tree that a YAML file would give, and tells what of it has no place there.
import { dirname, join } from 'node:path';
import { type ProblemList, printable, WHOLE_FILE } from '../problems.ts';
import { rowsOf } from '../settings-table.ts';
import { suggest } from '../suggest.ts';
import { type OtherSetting, otherSetting } from '../table/other.ts';
import type { Scope } from '../table/row.ts';
import type { MapEntry, MapNode, Node } from '../yaml.ts';
import { readPairs } from './connection-text.ts';
import { carriedDefaults, DEFAULT_SOCKET_DIR } from './pgbouncer-defaults.ts';
import { type IniEntry, type IniPlace, readNamed } from './read-ini.ts';
import { fromIni, readInteger } from './values.ts';

/** Something of the ini that is not in the tree. */
export interface LeftOut {
  readonly path: string;
  readonly place: IniPlace;
  readonly why: string;
  /** Without it pgsluice would do something else than PgBouncer did: let in others, encrypt less, not find a server. */
  readonly matters: boolean;
}

export interface IniTree {
  readonly root: MapNode;
  readonly leftOut: readonly LeftOut[];
  /** Paths of values that the ini does not have: PgBouncer's defaults. */
  readonly fromDefaults: ReadonlySet<string>;
}

const SECTIONS: ReadonlyMap<string, Scope> = new Map([
  ['databases', 'database'],
  ['users', 'user'],
  ['peers', 'peer'],
]);

interface Lists {
  readonly errors: ProblemList;
  readonly warnings: ProblemList;
}

export function treeOf(file: string, entries: readonly IniEntry[], lists: Lists): IniTree {
  return new Converter(file, lists).convert(lastOnes(entries, lists));
}

/** PgBouncer: the last of several entries with one name counts. Two that differ in one file contradict each other. */
function lastOnes(entries: readonly IniEntry[], { errors, warnings }: Lists): readonly IniEntry[] {
  const last = new Map<string, IniEntry>();
  for (const entry of entries) {
    const id = `${entry.section}\n${entry.key}`;
    const first = last.get(id);
    last.set(id, entry);
    if (!first || first.value === entry.value) continue;
    const path = pathOf(entry);
    const where = `${first.keyPlace.file === entry.keyPlace.file ? '' : `${first.keyPlace.file} `}line ${first.keyPlace.line}`;
    if (first.keyPlace.file === entry.keyPlace.file)
      errors.add(entry.keyPlace, path, `stands here a second time, with another value than in ${where}`);
    else warnings.add(entry.keyPlace, path, `takes the place of the value in ${where}`);
  }
  return [...last.values()];
}

function pathOf({ section, key }: IniEntry): string {
  return section === 'pgbouncer' ? key : `${section}.${key}`;
}

class Converter {
  readonly #file: string;
  readonly #lists: Lists;
  readonly #leftOut: LeftOut[] = [];
  readonly #fromDefaults = new Set<string>();
  readonly #root = new Map<string, MapEntry>();
  readonly #nowhere: IniPlace;
  #socketDir = DEFAULT_SOCKET_DIR;

  constructor(file: string, lists: Lists) {
    this.#file = file;
    this.#lists = lists;
    this.#nowhere = { file, ...WHOLE_FILE };
  }

  convert(entries: readonly IniEntry[]): IniTree {
    const sections = new Map<string, Map<string, MapEntry>>([...SECTIONS.keys()].map((name) => [name, new Map()]));
    for (const entry of entries) if (entry.section === 'pgbouncer') this.#global(entry);
    this.#addDefaults();
    const strange = new Set<string>();
    for (const entry of entries) {
      const scope = SECTIONS.get(entry.section);
      const map = sections.get(entry.section);
      if (scope && map) this.#entry(entry, scope, map);
      else if (entry.section !== 'pgbouncer' && !strange.has(entry.section)) {
        strange.add(entry.section);
        const guess = suggest(entry.section, ['pgbouncer', ...SECTIONS.keys()]);
        const hint = guess === null ? '' : `, did you mean [${guess}]?`;
        this.#lists.errors.add(entry.keyPlace, '', `unknown section [${printable(entry.section, 64)}]${hint}`);
      }
    }
    for (const [name, map] of sections) {
      if (map.size > 0) this.#root.set(name, { keyPlace: this.#nowhere, value: mapNode(map, this.#nowhere) });
    }
    return {
      root: mapNode(this.#root, this.#nowhere),
      leftOut: this.#leftOut,
      fromDefaults: this.#fromDefaults,
    };
  }

  #global(entry: IniEntry): void {
    const { key, value, keyPlace, valuePlace } = entry;
    const row = rowsOf.global.get(key);
    if (key === 'unix_socket_dir') this.#socketDir = value;
    if (key === 'verbose') {
      const level = readInteger(value) ?? 0;
      if (level > 0)
        this.#root.set('log_level', { keyPlace, value: scalar(level > 1 ? 'trace' : 'debug', valuePlace) });
      return;
    }
    if (key === 'listen_addr' && value === '') return;
    if (row?.kind === 'enum' && row.refused !== undefined && Object.hasOwn(row.refused, value.toLowerCase())) {
      this.#leaveOut(entry, key, `${value.toLowerCase()} is not possible: ${row.refused[value.toLowerCase()]}`, true);
      return;
    }
    const other = row ? null : otherSetting(key, 'global');
    if (other) {
      this.#other(key, value, keyPlace, other);
      return;
    }
    const text = key === 'auth_file' ? this.#fileName(value, keyPlace) : row ? fromIni(key, row, value) : value;
    this.#root.set(key, { keyPlace, value: scalar(text, valuePlace) });
  }

  #addDefaults(): void {
    const isLeftOut = new Set(this.#leftOut.map(({ path }) => path));
    for (const [key, value] of Object.entries(carriedDefaults)) {
      if (this.#root.has(key) || isLeftOut.has(key)) continue;
      this.#fromDefaults.add(key);
      this.#root.set(key, { keyPlace: this.#nowhere, value: scalar(value, this.#nowhere) });
    }
    if (!this.#root.has('listen_addr'))
      this.#note(
        'listen_addr',
        'is not set: PgBouncer has a Unix socket only then, pgsluice listens on 127.0.0.1 as well',
      );
  }

  #entry(entry: IniEntry, scope: Scope, map: Map<string, MapEntry>): void {
    const { value, valuePlace, keyPlace } = entry;
    const path = pathOf(entry);
    const read = readPairs(value);
    if (!read.ok) {
      this.#lists.errors.add({ ...valuePlace, column: valuePlace.column + read.at }, path, read.message);
      return;
    }
    const keys = new Map<string, MapEntry>();
    for (const pair of read.pairs) {
      const places = {
        keyPlace: { ...valuePlace, column: valuePlace.column + pair.keyAt },
        valuePlace: { ...valuePlace, column: valuePlace.column + pair.valueAt },
      };
      this.#pair(pair.key, pair.value, places, scope, path, keys);
    }
    if (scope === 'database') this.#completeDatabase(keys, path, keyPlace);
    map.set(entry.key, { keyPlace, value: mapNode(keys, keyPlace) });
  }

  #pair(
    written: string,
    value: string,
    places: Pick<IniEntry, 'keyPlace' | 'valuePlace'>,
    scope: Scope,
    path: string,
    keys: Map<string, MapEntry>,
  ): void {
    const key = written === 'reserve_pool' ? 'reserve_pool_size' : written;
    if (keys.has(key)) this.#lists.errors.add(places.keyPlace, `${path}.${written}`, 'stands here a second time');
    const row = rowsOf[scope].get(key);
    const other = row ? null : otherSetting(key, scope);
    if (other) this.#other(`${path}.${key}`, value, places.keyPlace, other);
    else
      keys.set(key, {
        keyPlace: places.keyPlace,
        value: scalar(row ? fromIni(key, row, value) : value, places.valuePlace),
      });
  }

  #completeDatabase(keys: Map<string, MapEntry>, path: string, place: IniPlace): void {
    if (keys.has('password') && !keys.has('user')) {
      const { keyPlace } = keys.get('password')!;
      keys.delete('password');
      this.#leaveOut(
        { keyPlace: { file: this.#file, ...keyPlace } },
        `${path}.password`,
        'has no meaning without user',
        false,
      );
    }
    if (keys.has('host') || this.#socketDir === '') return;
    this.#fromDefaults.add(`${path}.host`);
    keys.set('host', { keyPlace: place, value: scalar(this.#socketDir, place) });
  }

  #other(path: string, value: string, place: IniPlace, other: OtherSetting): void {
    if (other.accepts?.includes(value.toLowerCase())) return;
    const isHarmless = other.fate === 'no_effect' || other.ini === 'dropped';
    this.#leaveOut({ keyPlace: place }, path, other.why, !isHarmless);
  }

  #leaveOut({ keyPlace }: Pick<IniEntry, 'keyPlace'>, path: string, why: string, matters: boolean): void {
    this.#leftOut.push({ path, place: keyPlace, why, matters });
  }

  #note(path: string, why: string): void {
    this.#leaveOut({ keyPlace: this.#nowhere }, path, why, false);
  }

  /** In the tree names are relative to the file that holds them; here they are made what PgBouncer would open. */
  #fileName(name: string, place: IniPlace): string {
    if (name === '') return '';
    const home = process.env.HOME;
    const expanded = name.startsWith('~/') && home !== undefined ? join(home, name.slice(2)) : name;
    return readNamed(expanded, dirname(place.file), MAX_PROBED_BYTES).path;
  }
}

/** Enough to see whether a file is there. */
const MAX_PROBED_BYTES = 33_554_432;

function scalar(text: string, place: IniPlace): Node {
  return { kind: 'scalar', text, shown: text, empty: false, faulty: false, place };
}

function mapNode(entries: ReadonlyMap<string, MapEntry>, place: IniPlace): MapNode {
  return { kind: 'map', entries, place };
}
