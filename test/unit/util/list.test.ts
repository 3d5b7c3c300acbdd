// The list that states are made of: order, membership, and a count that can't drift.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { List, type ListNode } from '../../../src/util/list.ts';

class Node implements ListNode<Node> {
  prev: Node | null = null;
  next: Node | null = null;
  list: object | null = null;
  readonly name: number;
  constructor(name: number) {
    this.name = name;
  }
}

const names = (list: List<Node>) => [...list].map((node) => node.name);

function listOf(...nodes: Node[]): List<Node> {
  const list = new List<Node>();
  for (const node of nodes) list.append(node);
  return list;
}

const [one, two, three] = [1, 2, 3];
const nodes = () => [new Node(one), new Node(two), new Node(three)] as const;

/** Forwards and backwards the same, and the ends are ends. */
function expectSound(list: List<Node>, expected: number[]): void {
  expect(names(list)).toEqual(expected);
  expect(list.length).toBe(expected.length);
  const backwards: number[] = [];
  for (let node = list.tail; node; node = node.prev) backwards.unshift(node.name);
  expect(backwards).toEqual(expected);
  expect([list.head?.prev ?? null, list.tail?.next ?? null]).toEqual([null, null]);
  expect([list.head?.name, list.tail?.name]).toEqual([expected[0], expected.at(-1)]);
}

describe('a list', () => {
  it('is empty at first', () => {
    expectSound(new List<Node>(), []);
  });

  it('takes members at either end', () => {
    const [a, b, c] = nodes();
    const list = listOf(a, b);
    list.prepend(c);
    expectSound(list, [3, 1, 2]);
    const other = new List<Node>();
    other.prepend(new Node(7));
    expectSound(other, [7]);
  });

  it('lets go of the first, the middle, the last and the only one', () => {
    for (const gone of [0, 1, 2]) {
      const all = nodes();
      const list = listOf(...all);
      list.remove(all[gone]!);
      expectSound(
        list,
        [1, 2, 3].filter((name) => name !== gone + 1),
      );
      expect([all[gone]!.prev, all[gone]!.next, all[gone]!.list]).toEqual([null, null, null]);
    }
    const only = new Node(1);
    const list = listOf(only);
    list.remove(only);
    expectSound(list, []);
  });

  it('may lose the member that was just visited, and the visit goes on', () => {
    const list = listOf(...nodes());
    const visited: number[] = [];
    for (const node of list) {
      visited.push(node.name);
      list.remove(node);
    }
    expect(visited).toEqual([1, 2, 3]);
    expectSound(list, []);
  });

  it('knows its own members', () => {
    const [a, b] = nodes();
    const list = listOf(a);
    expect([list.has(a), list.has(b), new List<Node>().has(a)]).toEqual([true, false, false]);
  });
});

describe('a member', () => {
  it('is in one list at most, and nothing is changed by trying', () => {
    const [a, b] = nodes();
    const list = listOf(a, b);
    const other = new List<Node>();
    for (const add of [() => other.append(a), () => other.prepend(a), () => list.append(a)]) {
      expect(add).toThrow('already a member');
    }
    expectSound(list, [1, 2]);
    expectSound(other, []);
  });

  it('can not be taken from a list that it is not in', () => {
    const [a, b] = nodes();
    const list = listOf(a);
    expect(() => new List<Node>().remove(a)).toThrow('not a member');
    expect(() => list.remove(b)).toThrow('not a member');
    expectSound(list, [1]);
  });
});

it('any moves leave each node in one list, and every count right', () => {
  const move = fc.record({
    node: fc.nat({ max: 7 }),
    to: fc.constantFrom(0, 1, null),
    front: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(move, { maxLength: 60 }), (moves) => {
      const all = Array.from({ length: 8 }, (_, name) => new Node(name));
      const lists = [new List<Node>(), new List<Node>()];
      const model: number[][] = [[], []];
      for (const { node, to, front } of moves) {
        const it = all[node]!;
        for (const [i, list] of lists.entries()) {
          if (!list.has(it)) continue;
          list.remove(it);
          model[i] = model[i]!.filter((name) => name !== node);
        }
        if (to === null) continue;
        if (front) lists[to]!.prepend(it);
        else lists[to]!.append(it);
        model[to]![front ? 'unshift' : 'push'](node);
      }
      for (const [i, list] of lists.entries()) expectSound(list, model[i]!);
    }),
    { numRuns: 300 },
  );
});
