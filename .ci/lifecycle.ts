// Writes docs/lifecycle.md: the states of clients, servers and pools, drawn from their tables of moves and told in their comments.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CLIENT_MOVES } from '../src/client/states.ts';
import { POOL_MOVES } from '../src/pool/states.ts';
import { SERVER_MOVES } from '../src/server/states.ts';
import { row, tableOf } from './markdown.ts';

interface Machine {
  readonly title: string;
  readonly text: string;
  /** From the root of the repository. */
  readonly file: string;
  /** The const object that names the states. */
  readonly names: string;
  readonly moves: Readonly<Record<string, readonly string[]>>;
}

const machines: readonly Machine[] = [
  {
    title: 'Client',
    text: `A client is in the list of its state: before it has a pool in a list of the process, then in one of its pool. SHOW CLIENTS says \`idle\` for an
\`active\` client that holds no server, and writes the two cancel states with \`_req\` at the end.`,
    file: 'src/client/states.ts',
    names: 'ClientState',
    moves: CLIENT_MOVES,
  },
  {
    title: 'Server',
    text: `A server is in the list of its state, and the pool has the lists: the counts of SHOW POOLS (\`sv_idle\`, \`sv_active\`, ...) are their lengths. SHOW
SERVERS says \`new\` for \`login\`, and \`active_cancel\` for an \`active\` server with a cancel request on its way.`,
    file: 'src/server/states.ts',
    names: 'ServerState',
    moves: SERVER_MOVES,
  },
  {
    title: 'Pool',
    text: 'A pool is made when the first client of its database and user is let in.',
    file: 'src/pool/states.ts',
    names: 'PoolState',
    moves: POOL_MOVES,
  },
];

const intro = `# States and moves

<!-- Written by \`npm run generate\` from src/client/states.ts, src/server/states.ts and src/pool/states.ts: change it there. -->

Each machine has one file: the names of its states with a comment each, the table of moves, and the one function that makes a move. A move that the
table does not have is a mistake of pgsluice, and throws.
`;

/** The text of the file, with a newline at its end. root: of the repository. */
export function generateLifecycle(root: string): string {
  return [intro, ...machines.map((machine) => machineOf(machine, root))].join('\n');
}

function machineOf({ title, text, file, names, moves }: Machine, root: string): string {
  const comments = commentsOf(readFileSync(join(root, file), 'utf8'), names);
  const rows = Object.entries(moves).map(([state, next]) => {
    const comment = comments.get(state);
    if (comment === undefined) throw new Error(`${file}: ${names} has no comment for ${state}`);
    return row([`\`${state}\``, comment, next.map((to) => `\`${to}\``).join(', ')]);
  });
  const table = tableOf(['state', 'who is here, how one leaves', 'then'], rows);
  return `## ${title}\n\n${text}\n\n${diagramOf(moves)}\n${table}`;
}

function diagramOf(moves: Machine['moves']): string {
  const [first] = Object.keys(moves);
  const arrows = Object.entries(moves).flatMap(([from, next]) =>
    next.length === 0 ? [`${from} --> [*]`] : next.map((to) => `${from} --> ${to}`),
  );
  return `\`\`\`mermaid\nstateDiagram-v2\n${[`[*] --> ${first}`, ...arrows].map((arrow) => `  ${arrow}\n`).join('')}\`\`\`\n`;
}

/** The comment above each member of a const object of texts, by the text. */
export function commentsOf(source: string, name: string): ReadonlyMap<string, string> {
  const body = source.split(`export const ${name} = {`)[1]?.split('} as const')[0] ?? '';
  const members = body.matchAll(/\/\*\*((?:(?!\*\/).)*)\*\/\s*\w+: '(\w+)'/gs);
  return new Map(
    [...members].map(([, comment = '', value = '']) => [value, comment.replaceAll(/\s*\n\s*\*?\s*/g, ' ').trim()]),
  );
}
