// An intrusive doubly linked list: O(1) append, prepend and removal, and membership that can't drift from its count.
// PgBouncer: statlist (lib/usual/statlist.h). State is list membership, so a member is in one list at most.

/** What an object carries to be a member of a List. Initialise all three to null. */
export interface ListNode<T> {
  prev: T | null;
  next: T | null;
  list: object | null;
}

export class List<T extends ListNode<T>> implements Iterable<T> {
  head: T | null = null;
  tail: T | null = null;
  length = 0;

  append(node: T): void {
    this.#own(node);
    node.prev = this.tail;
    node.next = null;
    if (this.tail) this.tail.next = node;
    else this.head = node;
    this.tail = node;
  }

  prepend(node: T): void {
    this.#own(node);
    node.next = this.head;
    node.prev = null;
    if (this.head) this.head.prev = node;
    else this.tail = node;
    this.head = node;
  }

  remove(node: T): void {
    if (node.list !== this) throw new Error('list: remove of a node that is not a member');
    if (node.prev) node.prev.next = node.next;
    else this.head = node.next;
    if (node.next) node.next.prev = node.prev;
    else this.tail = node.prev;
    node.prev = null;
    node.next = null;
    node.list = null;
    this.length -= 1;
  }

  has(node: T): boolean {
    return node.list === this;
  }

  /** The member returned last by an iterator may be removed while iterating; any other change is undefined. */
  *[Symbol.iterator](): Iterator<T> {
    let node = this.head;
    while (node) {
      const next: T | null = node.next;
      yield node;
      node = next;
    }
  }

  #own(node: T): void {
    if (node.list !== null) throw new Error('list: node is already a member of a list');
    node.list = this;
    this.length += 1;
  }
}
