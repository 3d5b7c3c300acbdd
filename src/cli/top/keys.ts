// The keys of top: what each makes of what is shown.
import { holderColumns, poolColumns } from './columns.ts';
import type { ViewState } from './view.ts';

/** What the terminal sends: a key by itself, or the sequence of one that has no letter. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the character that such a sequence begins with
const KEY = /\x1b\[[0-9;]*[A-Za-z~]|\x1bO[A-Za-z]|[^\x1b]|\x1b/gu;

const PAGE = 10;

/** 'leave' as soon as a key says so; keys behind it are dropped. */
export function pressed(keys: string, state: ViewState): ViewState | 'leave' {
  let next = state;
  for (const [key] of keys.matchAll(KEY)) {
    const result = press(key, next);
    if (result === 'leave') return 'leave';
    next = result;
  }
  return next;
}

function press(key: string, state: ViewState): ViewState | 'leave' {
  const { table, sort } = state;
  const move = (by: number) => ({ ...state, offset: Math.max(state.offset + by, 0) });
  const order = (by: number) => {
    const count = table === 'pools' ? poolColumns.length : holderColumns.length;
    const column = (sort[table].column + by + count) % count;
    return { ...state, offset: 0, sort: { ...sort, [table]: { ...sort[table], column } } };
  };
  switch (key) {
    case 'q':
    case 'Q':
    // Control-C and Control-D: the terminal sends no signal while it is read key by key.
    case '\x03':
    case '\x04':
      return 'leave';
    case '\t':
      return { ...state, offset: 0, table: table === 'pools' ? 'holders' : 'pools' };
    case '\x1b[C':
    case '\x1bOC':
    case '>':
      return order(1);
    case '\x1b[D':
    case '\x1bOD':
    case '<':
      return order(-1);
    case 'r':
    case 'R':
      return { ...state, sort: { ...sort, [table]: { ...sort[table], isDescending: !sort[table].isDescending } } };
    case '\x1b[B':
    case '\x1bOB':
    case 'j':
      return move(1);
    case '\x1b[A':
    case '\x1bOA':
    case 'k':
      return move(-1);
    case '\x1b[6~':
      return move(PAGE);
    case '\x1b[5~':
      return move(-PAGE);
    case ' ':
      return { ...state, isFrozen: !state.isFrozen };
    case '?':
    case 'h':
      return { ...state, isHelp: !state.isHelp };
    case '\x1b':
      return { ...state, isHelp: false };
    default:
      return state;
  }
}
