// What Postgres answers to a sequence of messages, as far as types go: PostgresMain in small, for tests.
//
// Independent of src: written from src/backend/tcop/postgres.c and commands/copyfromparse.c, checked against a real one
// by test/integration/postgres-model.test.ts. What each statement comes to is written in the message that carries it.

/** How a statement ends. copy: it reads data; broken copy: a trigger fails it before it has read any. */
export type Outcome = 'rows' | 'command' | 'error' | 'copy' | 'broken copy' | 'copy out' | 'poison';

/** A frontend message. Its type, and what the model makes of it. `ours`: a message of the pooler itself. */
export type Sent =
  /** The statements of a simple query; none is an empty one. */
  | { type: 'Q'; statements: Outcome[]; ours?: boolean }
  | { type: 'E'; statement: Outcome | 'suspended' | 'empty'; ours?: boolean }
  | { type: 'D'; of: 'statement' | 'portal'; rows: boolean; fails?: boolean; ours?: boolean }
  | { type: 'P' | 'B' | 'C' | 'F'; fails?: boolean; ours?: boolean }
  | { type: 'd'; fails?: boolean; ours?: boolean }
  | { type: 'S' | 'H' | 'c' | 'f'; ours?: boolean };

/** A reply: its type, and whether a message of the pooler itself asked for it. */
export interface Reply {
  type: string;
  ours: boolean;
}

interface Copy {
  of: Sent;
  extended: boolean;
  rest: Outcome[];
}

export class PostgresModel {
  /** After an error in an extended exchange: everything up to Sync is ignored. */
  #ignores = false;
  /** Extended messages without their Sync: the implicit transaction is open. */
  #isOpen = false;
  /** A deferred constraint is violated: whatever commits fails. */
  #isPoisoned = false;
  #copy: Copy | null = null;

  copy(): PostgresModel {
    const other = new PostgresModel();
    other.#ignores = this.#ignores;
    other.#isOpen = this.#isOpen;
    other.#isPoisoned = this.#isPoisoned;
    other.#copy = this.#copy && { ...this.#copy };
    return other;
  }

  /** Nothing is half done. */
  get isClean(): boolean {
    return !this.#ignores && !this.#isOpen && this.#copy === null;
  }

  /** Reads one message. */
  take(sent: Sent): Reply[] {
    if (this.#copy !== null) return this.#takeCopyMessage(this.#copy, sent);
    if (this.#ignores && sent.type !== 'S') return [];
    const types = this.#answer(sent);
    // What the pooler puts before a client's message fails in its stead.
    const isClients = (type: string) => type === 'E' && sent.type !== 'Q';
    return types.map((type) => ({ type, ours: sent.ours === true && !isClients(type) }));
  }

  #answer(sent: Sent): string[] {
    switch (sent.type) {
      case 'Q':
        if (sent.statements.length === 0) return this.#end(this.#commit() ? 'E' : 'I');
        return this.#query(sent, sent.statements, []);
      case 'F':
        if (sent.fails) return this.#end('E');
        return this.#commit() ? this.#end('V', 'E') : this.#end('V');
      case 'S':
        this.#ignores = false;
        return this.#commit() ? this.#end('E') : this.#end();
      case 'H':
      case 'd':
      case 'c':
      case 'f':
        return []; // Flush, and the rest of a copy that failed
      case 'P':
      case 'B':
      case 'C':
        return this.#extended(sent.fails === true, { P: '1', B: '2', C: '3' }[sent.type]);
      case 'D':
        if (sent.fails) return this.#extended(true);
        return this.#extended(false, ...(sent.of === 'statement' ? ['t'] : []), sent.rows ? 'T' : 'n');
      case 'E':
        return this.#execute(sent, sent.statement);
    }
  }

  #execute(sent: Sent, statement: Outcome | 'suspended' | 'empty'): string[] {
    switch (statement) {
      case 'copy':
        this.#isOpen = true;
        this.#copy = { of: sent, extended: true, rest: [] };
        return ['G'];
      case 'broken copy':
        return ['G', ...this.#extended(true)];
      case 'poison':
        this.#isPoisoned = true;
        return this.#extended(false, 'C');
      case 'error':
        return this.#extended(true);
      default: {
        const types = { rows: ['D', 'C'], command: ['C'], 'copy out': ['H', 'd', 'c', 'C'], suspended: ['D', 's'] };
        return this.#extended(false, ...(statement === 'empty' ? ['I'] : types[statement]));
      }
    }
  }

  #extended(fails: boolean, ...types: string[]): string[] {
    if (!fails) {
      this.#isOpen = true;
      return types;
    }
    this.#ignores = true;
    this.#isOpen = false;
    this.#isPoisoned = false;
    return ['E'];
  }

  /** The rest of a simple query, behind what was answered already. */
  #query(sent: Sent, statements: Outcome[], types: string[]): string[] {
    for (const [i, statement] of statements.entries()) {
      if (statement === 'copy') {
        this.#copy = { of: sent, extended: false, rest: statements.slice(i + 1) };
        return [...types, 'G'];
      }
      if (statement === 'broken copy') return [...types, 'G', ...this.#end('E')];
      if (statement === 'error') return [...types, ...this.#end('E')];
      types.push(...{ rows: ['T', 'D'], command: [], 'copy out': ['H', 'd', 'c'], poison: [] }[statement]);
      if (statement === 'poison') this.#isPoisoned = true;
      // The last statement commits before it says that it is complete.
      if (i === statements.length - 1 && this.#commit()) return [...types, ...this.#end('E')];
      types.push('C');
    }
    return [...types, ...this.#end()];
  }

  /** True when the commit fails. */
  #commit(): boolean {
    const fails = this.#isPoisoned;
    this.#isPoisoned = false;
    return fails;
  }

  #end(...types: string[]): string[] {
    this.#isOpen = false;
    this.#isPoisoned = false;
    return [...types, 'Z'];
  }

  /** Postgres: CopyGetData reads by itself: Sync and Flush mean nothing to it. */
  #takeCopyMessage({ of, extended, rest }: Copy, sent: Sent): Reply[] {
    const reply = (types: string[]) => types.map((type) => ({ type, ours: of.ours === true }));
    if (sent.type === 'S' || sent.type === 'H' || (sent.type === 'd' && !sent.fails)) return [];
    if (sent.type !== 'd' && sent.type !== 'c' && sent.type !== 'f') throw new Error(`${sent.type} during a copy`);
    this.#copy = null;
    if (sent.type === 'c' && extended) return reply(['C']);
    if (extended) return reply(this.#extended(true));
    if (sent.type !== 'c') return reply(this.#end('E'));
    if (rest.length === 0 && this.#commit()) return reply(this.#end('E'));
    return reply(['C', ...this.#query(of, rest, [])]);
  }
}
