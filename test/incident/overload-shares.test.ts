// One noisy application among four, in short: each of the others keeps its share. Long form: `npm run overload`.
import { expect, test } from 'vitest';
import { defaultSettings } from '../../src/config/settings-table.ts';
import { usePrivatePostgres } from '../support/postgres.ts';
import { QUIET, runOverload } from './overload-run.ts';

const postgres = usePrivatePostgres({ settings: { max_connections: '40' } });

test.skipIf(!('application_weights' in defaultSettings))(
  'a noisy application takes nothing from three others that ask for less than their share',
  async () => {
    const { host, port, user, password } = postgres.current;
    const target = { host, port, user, password, database: 'postgres' };
    const options = { milliseconds: 5_000, peakMs: 3_000, times: 2, poolSize: 8, seed: 1 };
    const { applications } = (await runOverload(target, { ...options, parts: ['noisy'] })).noisy!;
    for (const name of QUIET) expect(applications[name]!.served, name).toBeGreaterThan(0.95);
    expect(applications.shop!.served).toBeLessThan(0.6);
  },
);
