// Reads YAML into a small tree of texts that knows the place of each key and value. Hostile text ends in a problem, never in a throw.
// Every scalar is a text: the kinds give it a meaning, so that `password: 0123` and `auth_type: on` stay what was written.
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Pair, parseDocument, type YAMLError } from 'yaml';
import { type Expander, expandVariables } from './expand.ts';
import { type Place, type ProblemList, WHOLE_FILE } from './problems.ts';

/** `shown` is the text as the file has it, before ${NAME} was expanded: fit for a message. */
export interface ScalarNode {
  readonly kind: 'scalar';
  readonly text: string;
  readonly shown: string;
  /** Nothing was written, or null or ~. */
  readonly empty: boolean;
  /** An expansion failed, which was told: the text means nothing. */
  readonly faulty: boolean;
  readonly place: Place;
}

export interface MapNode {
  readonly kind: 'map';
  readonly entries: ReadonlyMap<string, MapEntry>;
  readonly place: Place;
}

export interface MapEntry {
  readonly keyPlace: Place;
  readonly value: Node;
}

export interface ListNode {
  readonly kind: 'list';
  readonly items: readonly Node[];
  readonly place: Place;
}

export type Node = ScalarNode | MapNode | ListNode;

/** 1 MB: thousands of databases and users. */
export const MAX_FILE_BYTES = 1_048_576;
/** A configuration is three levels deep. */
const MAX_DEPTH = 12;
/** Bounds what aliases can multiply. A file of 1 MB that says something has fewer. */
const MAX_NODES = 200_000;

/** The file as a tree; null when nothing useful could be read (problems say why). An empty file is an empty map. */
export function readYaml(text: string, expander: Expander, problems: ProblemList): MapNode | null {
  if (Buffer.byteLength(text) > MAX_FILE_BYTES) {
    problems.add(WHOLE_FILE, '', `the file is larger than ${MAX_FILE_BYTES} bytes`);
    return null;
  }
  try {
    return new Reader(text, expander, problems).read();
  } catch (error) {
    // The parser recurses: nesting of thousands of levels ends its stack. Its messages don't carry values.
    const why = error instanceof RangeError ? 'nested too deeply' : 'not readable as YAML';
    problems.add(WHOLE_FILE, '', why);
    return null;
  }
}

/** The parser's words without text of the file: a password that starts with * or ! is an alias or a tag to YAML. */
function messageOf({ code, message }: YAMLError): string {
  if (code === 'BAD_ALIAS') return 'no anchor for this alias; a text that starts with * or & needs quotes';
  if (code === 'TAG_RESOLVE_FAILED') return 'tags have no meaning here; a text that starts with ! needs quotes';
  if (code === 'RESOURCE_EXHAUSTION') return 'nested too deeply';
  if (code === 'MULTIPLE_DOCS') return 'a second document starts here; one is expected';
  return message.split(': ', 1)[0] ?? '';
}

class Reader {
  readonly #text: string;
  readonly #expander: Expander;
  readonly #problems: ProblemList;
  readonly #lines = new LineCounter();
  readonly #anchors = new Map<string, unknown>();
  #nodes = 0;
  #gaveUp = false;

  constructor(text: string, expander: Expander, problems: ProblemList) {
    this.#text = text;
    this.#expander = expander;
    this.#problems = problems;
  }

  read(): MapNode | null {
    // uniqueKeys compares each key with each other: duplicates are found in #map instead, in linear time.
    // prettyErrors would put lines of the file, and so secrets, into messages.
    const doc = parseDocument(this.#text, {
      lineCounter: this.#lines,
      prettyErrors: false,
      schema: 'failsafe',
      uniqueKeys: false,
      logLevel: 'error',
    });
    for (const fault of [...doc.errors, ...doc.warnings]) {
      this.#problems.add(this.#placeAt(fault.pos[0]), '', messageOf(fault));
    }
    if (doc.errors.length > 0) return null;
    const place = { line: 1, column: 1 };
    const root = this.#node(doc.contents, '', place, 0);
    if (root?.kind === 'map') return root;
    if (root?.kind === 'scalar' && root.empty) return { kind: 'map', entries: new Map(), place };
    if (root) this.#problems.add(root.place, '', 'the file must be a map of settings');
    return null;
  }

  #node(node: unknown, key: string, fallback: Place, depth: number): Node | null {
    this.#nodes += 1;
    if (this.#gaveUp) return null;
    if (depth > MAX_DEPTH || this.#nodes > MAX_NODES) {
      this.#gaveUp = true;
      this.#problems.add(fallback, key, depth > MAX_DEPTH ? 'nested too deeply' : 'too many values');
      return null;
    }
    const place = this.#placeOf(node) ?? fallback;
    if (isAlias(node)) return this.#node(this.#anchors.get(node.source) ?? null, key, place, depth + 1);
    if ((isMap(node) || isSeq(node) || isScalar(node)) && node.anchor) this.#anchors.set(node.anchor, node);
    if (isMap(node)) return this.#map(node.items, key, place, depth);
    if (isSeq(node)) {
      const items = node.items.map((item) => this.#node(item, key, place, depth + 1));
      return { kind: 'list', items: items.filter((item) => item !== null), place };
    }
    return this.#scalar(node, key, place);
  }

  #map(pairs: readonly Pair[], key: string, place: Place, depth: number): MapNode {
    const entries = new Map<string, MapEntry>();
    for (const pair of pairs) {
      const keyPlace = this.#placeOf(pair.key) ?? place;
      const name = isScalar(pair.key) ? String(pair.key.value ?? '') : null;
      if (name === null) {
        this.#problems.add(keyPlace, key, 'a key must be a text');
        continue;
      }
      const path = key === '' ? name : `${key}.${name}`;
      if (name === '__proto__') this.#problems.add(keyPlace, path, 'this key is not allowed');
      else if (entries.has(name)) this.#problems.add(keyPlace, path, 'stands here a second time');
      else {
        const value = this.#node(pair.value, path, keyPlace, depth + 1);
        if (value) entries.set(name, { keyPlace, value });
      }
    }
    return { kind: 'map', entries, place };
  }

  #scalar(node: unknown, key: string, place: Place): ScalarNode {
    const value = isScalar(node) ? node.value : null;
    const shown = value === null || value === undefined ? '' : String(value);
    const plain = !isScalar(node) || node.type === 'PLAIN';
    if (plain && (shown === '' || shown === '~' || shown === 'null')) {
      return { kind: 'scalar', text: '', shown: '', empty: true, faulty: false, place };
    }
    const expanded = expandVariables(shown, this.#expander);
    for (const fault of expanded.faults) this.#problems.add(place, key, fault);
    const faulty = expanded.faults.length > 0;
    return { kind: 'scalar', text: expanded.text, shown, empty: false, faulty, place };
  }

  #placeOf(node: unknown): Place | null {
    if (!isMap(node) && !isSeq(node) && !isScalar(node) && !isAlias(node)) return null;
    return node.range ? this.#placeAt(node.range[0]) : null;
  }

  #placeAt(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return { line, column: col };
  }
}
