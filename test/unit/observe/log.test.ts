import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createLog, GatheredLines } from '../../../src/observe/log.ts';
import { waitUntil } from '../../support/wait-until.ts';

function gathering() {
  const writes: string[] = [];
  const lines = new GatheredLines({ write: (text) => void writes.push(text) });
  return { lines, writes };
}

describe('lines of the log', () => {
  it('that come at once are written together, soon', async () => {
    const { lines, writes } = gathering();
    lines.write('a\n');
    lines.write('b\n');
    expect(writes).toEqual([]);
    await waitUntil(() => writes.length > 0);
    expect(writes).toEqual(['a\nb\n']);
    lines.write('c\n');
    await waitUntil(() => writes.length > 1);
    expect(writes[1]).toBe('c\n');
    await delay(60);
    expect(writes).toHaveLength(2);
    lines.close();
  });

  it('are not gathered beyond 4 kB', () => {
    const { lines, writes } = gathering();
    for (let line = 0; line < 50; line += 1) lines.write(`${'x'.repeat(99)}\n`);
    expect(writes.map(({ length }) => length)).toEqual([4_100]);
    lines.close();
    expect(writes.join('')).toHaveLength(5_000);
  });

  it('show no secret, at the top or one level below, and leave what they are given as it is', () => {
    const { lines, writes } = gathering();
    const log = createLog({ log_format: 'json', log_level: 'info' }, { destination: lines });
    const facts = { user: 'app', password: 'pw1', from: { secret: 'pw2', host: 'db' }, list: [1], nothing: null };
    log.info(facts, 'hello');
    lines.close();
    expect(JSON.parse(writes.join(''))).toMatchObject({
      ...{ level: 'info', msg: 'hello', user: 'app', list: [1], nothing: null },
      ...{ password: '****', from: { secret: '****', host: 'db' } },
    });
    expect(facts.password + facts.from.secret).toBe('pw1pw2');
  });
});
