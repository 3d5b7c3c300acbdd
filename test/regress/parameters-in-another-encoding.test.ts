// Settings with letters beyond ASCII were sent as UTF-8 to a server whose client_encoding an earlier client had changed, and arrived as something else.
import { expect, test } from 'vitest';
import { usePooler } from '../support/pooler.ts';
import { useDatabase } from '../support/postgres.ts';
import { types } from '../support/wire.ts';

const db = useDatabase();
const pooler = usePooler(db, { default_pool_size: 1 });

test.each(['LATIN1', 'WIN1252', 'UTF8', 'utf-8'])(
  'a client behind one with client_encoding %s gets its own settings, letter for letter',
  async (encoding) => {
    const params = { search_path: '"schéma", "日本", public', 'app.tenant': `it's "ü" \\ 🐘` };
    const [first, second] = [
      await pooler.current.connect({ params: { client_encoding: encoding } }),
      await pooler.current.connect({ params }),
    ];
    for (let i = 0; i < 2; i += 1) {
      expect(types(await first.query("SELECT 'é'"))).toBe('TDCZ');
      expect(await second.rows("SELECT current_setting('search_path'), current_setting('app.tenant')")).toEqual([
        [params.search_path, params['app.tenant']],
      ]);
    }
    await Promise.all([first.end(), second.end()]);
  },
);
