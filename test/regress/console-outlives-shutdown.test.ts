// SHUTDOWN closed the very console that had asked for it, before it was answered; and a console that stayed open kept SHUTDOWN WAIT_FOR_CLIENTS waiting.
import { expect, test } from 'vitest';
import { startPooler } from '../support/pooler.ts';
import { useDatabase } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import { types } from '../support/wire.ts';

const db = useDatabase();

test.each(['SHUTDOWN', 'SHUTDOWN WAIT_FOR_SERVERS', 'SHUTDOWN WAIT_FOR_CLIENTS'])(
  '%s answers, and an open console does not hold it up',
  async (command) => {
    const pooler = await startPooler(db.current, { shutdown_timeout: '20s', shutdown_idle: '100ms' });
    const console = await pooler.connect({ database: 'pgsluice' });
    const application = await pooler.connect();
    await application.rows('BEGIN');
    expect((await console.query(command))[0]).toMatchObject({ type: 'C', tag: 'SHUTDOWN' });
    if (command !== 'SHUTDOWN') {
      await waitUntil(() => pooler.app.control.state !== 'running');
      expect(types(await console.query('SHOW POOLS'))).toBe('TDDCZ');
      await application.rows('COMMIT');
      if (command.endsWith('CLIENTS')) await application.end();
    }
    await application.readToEnd().catch(() => {});
    expect((await console.readToEnd()).at(-1)?.fields).toMatchObject({ C: '57P01' });
    await pooler.app.stopped;
    application.destroy();
  },
);
