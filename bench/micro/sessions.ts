// Whether the session of a server is that of its next client, what has to be said to make it so, and what a text may do to it.
import { effectiveSettings } from '../../src/config/effective.ts';
import { parseConfig } from '../../src/config/load.ts';
import { FrameReader, holdEverything } from '../../src/protocol/frame-reader.ts';
import { CustomNames } from '../../src/session/custom-names.ts';
import { POSTGRES_LEXICON } from '../../src/session/lexicon.ts';
import { lexingOf } from '../../src/session/lexing.ts';
import { difference, ParameterSet } from '../../src/session/parameters.ts';
import { scan } from '../../src/session/scan.ts';
import { SessionKeeper } from '../../src/session/session-keeper.ts';
import * as build from '../../test/support/wire-messages.ts';
import { type Group, repeated, sink } from './case.ts';

const PLAIN = lexingOf(new Map());
const TEXTS = {
  'a short one': 'SELECT abalance FROM pgbench_accounts WHERE aid = 12345',
  'a long one, 2 kB': `SELECT ${Array.from({ length: 60 }, (_, i) => `orders.column_${i} AS "value ${i}"`).join(', ')} FROM orders WHERE id = $1`,
  'one with strings and comments':
    "/* route='/orders' */ SELECT 'a ''quoted'' text', E'it\\'s', $x$ SET $x$ -- the end",
  'one that sets a parameter': 'SET search_path TO tenant, public',
};

function entries(count: number, of = ''): [string, string][] {
  return Array.from({ length: count }, (_, i) => [`app.parameter_${i}`, `value ${i}${of}`]);
}

export const sessions: Group = {
  name: 'the session and its difference',
  open: async () => {
    const result = parseConfig('{ auth_type: any, databases: { app: { host: h } } }');
    if (!result.ok) throw new Error('the configuration is wrong');
    const settings = effectiveSettings(result.config, 'app', 'app');
    const [ten, again, other] = [entries(10), entries(10), entries(10, '!')].map((list) => ParameterSet.of(list));
    const pairs: [string, ParameterSet, ParameterSet][] = [
      ['no state', ParameterSet.EMPTY, ParameterSet.EMPTY],
      ['ten parameters, the same object', ten!, ten!],
      ['ten parameters, equal ones', ten!, again!],
    ];
    const keeper = new SessionKeeper(ParameterSet.EMPTY);
    const names = new CustomNames();
    const statement = build.query(TEXTS['a short one']);
    const reader = new FrameReader(holdEverything(65_536), 65_536);
    return {
      cases: [
        ...pairs.map(([name, a, b]) => repeated(`are they equal: ${name}`, 1_000, () => (sink.value = a.equals(b)))),
        repeated('the difference: one parameter of ten', 100, () => {
          sink.value = difference(ten!, ten!.with('app.parameter_3', 'x'));
        }),
        repeated('the difference: ten of ten', 100, () => (sink.value = difference(ten!, other!))),
        repeated('a statement is looked at by its keeper', 1_000, () => {
          reader.push(statement);
          reader.next();
          sink.value = keeper.look(reader, settings, POSTGRES_LEXICON, names, PLAIN);
        }),
        ...Object.entries(TEXTS).map(([name, text]) => {
          const bytes = Buffer.from(text);
          return repeated(`the scan of a text: ${name}`, 100, () => {
            sink.value = scan(bytes, 0, bytes.length, POSTGRES_LEXICON, PLAIN);
          });
        }),
      ],
    };
  },
};
