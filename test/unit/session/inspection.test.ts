// What is asked of a server for which suspicion, and what its answer makes of the session.
import { describe, expect, it } from 'vitest';
import { CustomNames } from '../../../src/session/custom-names.ts';
import { Inspection, inspectionQuery, partsToInspect } from '../../../src/session/inspection.ts';
import { ParameterSet, preparedName } from '../../../src/session/parameters.ts';
import { Suspect } from '../../../src/session/suspect.ts';
import { backend } from '../../support/wire-backend.ts';

const set = (entries: Record<string, string>) => ParameterSet.of(Object.entries(entries));

function inspected(suspect: number, pins: number, before: ParameterSet, rows: [string, string, string][]) {
  const inspection = new Inspection(suspect, pins, 'app');
  for (const row of rows) {
    const bytes = backend.dataRow(row);
    inspection.readRow(bytes, 0, bytes.length);
  }
  const parameters = inspection.parameters(before);
  return { parameters, pins: inspection.pins(pins) };
}

describe('what is asked', () => {
  it('is as little as the suspicion allows', () => {
    expect(partsToInspect(Suspect.Parameter, 0)).toBe(Suspect.Parameter);
    expect(partsToInspect(Suspect.AdvisoryLock, 0)).toBe(Suspect.AdvisoryLock);
    expect(partsToInspect(Suspect.Sequence | Suspect.Seed, 0)).toBe(0);
    // DROP, CLOSE and so on matter to who is held.
    expect(partsToInspect(Suspect.Ends, 0)).toBe(0);
    expect(partsToInspect(Suspect.Ends, Suspect.Temp)).toBe(Suspect.Temp);
    expect(partsToInspect(Suspect.Opaque, 0) & Suspect.Listen).toBe(Suspect.Listen);
  });

  it('names custom parameters, and nothing that the session could have put before Postgres’ own', () => {
    const names = new CustomNames();
    names.add('App.Tenant');
    const sql = inspectionQuery(Suspect.Parameter, names);
    expect(sql).toContain("'{app.tenant}'");
    expect(sql.replaceAll('pg_catalog.', '')).not.toBe(sql);
    expect(sql).not.toMatch(/[^(]= /);
    expect(inspectionQuery(Suspect.Temp, names)).not.toContain('app.tenant');
  });
});

describe('what is found', () => {
  it('replaces what was known of the parts that were asked for', () => {
    const before = set({ work_mem: '1', lock_timeout: '2' });
    const { parameters } = inspected(Suspect.Parameter, 0, before, [['s', 'work_mem', '9']]);
    expect(parameters.equals(set({ work_mem: '9' }))).toBe(true);
    expect(inspected(Suspect.Temp, 0, before, []).parameters).toBe(before);
  });

  it('has the role and who is logged in only where they are not what they were', () => {
    const rows: [string, string, string][] = [
      ['r', 'role', 'none'],
      ['r', 'session_authorization', 'app'],
    ];
    expect(inspected(Suspect.Parameter, 0, ParameterSet.EMPTY, rows).parameters).toBe(ParameterSet.EMPTY);
    const other = inspected(Suspect.Parameter, 0, ParameterSet.EMPTY, [['r', 'role', 'bob']]);
    expect(other.parameters.equals(set({ role: 'bob' }))).toBe(true);
  });

  it('has the client’s own statement_timeout and encoding, not those that the question set', () => {
    const rows: [string, string, string][] = [
      ['o', 'statement_timeout', '5s'],
      ['o', 'client_encoding', 'UTF8'],
      ['s', 'statement_timeout', '0'],
      ['s', 'client_encoding', 'UTF8'],
    ];
    const { parameters } = inspected(Suspect.Parameter, 0, ParameterSet.EMPTY, rows);
    expect(parameters.equals(set({ statement_timeout: '5s' }))).toBe(true);
  });

  it('ends pins whose cause is gone, and keeps those that nobody can see', () => {
    const before = Suspect.Temp | Suspect.Load;
    expect(inspected(Suspect.Ends, before, ParameterSet.EMPTY, []).pins).toBe(Suspect.Load);
    const still = inspected(Suspect.Ends, before, ParameterSet.EMPTY, [['h', String(Suspect.Temp), '']]);
    expect(still.pins).toBe(before);
  });

  it('carries a PREPARE that stands alone, and pins one that can’t be said again', () => {
    const alone = inspected(Suspect.Prepare, 0, ParameterSet.EMPTY, [['p', 'x', 'PREPARE x AS SELECT 1;']]);
    expect(alone.parameters.entries.get(preparedName('x'))).toBe('PREPARE x AS SELECT 1');
    expect(alone.pins).toBe(0);
    const among = inspected(Suspect.Prepare, 0, ParameterSet.EMPTY, [['p', 'x', 'SELECT 1; PREPARE x AS SELECT 1']]);
    expect(among.pins).toBe(Suspect.Prepare);
    const inContext = Suspect.Prepare | Suspect.Context;
    expect(inspected(inContext, 0, ParameterSet.EMPTY, [['p', 'x', 'PREPARE x AS SELECT 1']]).pins).toBe(
      Suspect.Prepare,
    );
    // One that was carried here is known, whatever it came in.
    const known = inspected(inContext, 0, alone.parameters, [['p', 'x', 'SET a TO 1;PREPARE x AS SELECT 1']]);
    expect(known).toMatchObject({ parameters: alone.parameters, pins: 0 });
  });
});
