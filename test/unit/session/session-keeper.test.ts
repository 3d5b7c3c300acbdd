// What a client's texts are found to do, taken together.
import { describe, expect, it } from 'vitest';
import { effectiveSettings } from '../../../src/config/effective.ts';
import { parseConfig } from '../../../src/config/load.ts';
import { FrameReader, holdEverything } from '../../../src/protocol/frame-reader.ts';
import { CustomNames } from '../../../src/session/custom-names.ts';
import { POSTGRES_LEXICON } from '../../../src/session/lexicon.ts';
import { lexingOf } from '../../../src/session/lexing.ts';
import { ParameterSet } from '../../../src/session/parameters.ts';
import { SessionKeeper } from '../../../src/session/session-keeper.ts';
import { Suspect } from '../../../src/session/suspect.ts';
import * as build from '../../support/wire-messages.ts';

const result = parseConfig('{ auth_type: any, databases: { app: { host: h } } }');
if (!result.ok) throw new Error('the configuration is wrong');
const settings = effectiveSettings(result.config, 'app', 'app');
const startup = ParameterSet.of([['work_mem', '5000']]);

function keeper() {
  const session = new SessionKeeper(startup);
  const names = new CustomNames();
  const look = (message: Buffer) => {
    const reader = new FrameReader(holdEverything(65_536), 65_536);
    reader.push(message);
    reader.next();
    return session.look(reader, settings, POSTGRES_LEXICON, names, lexingOf(new Map()));
  };
  return { session, names, look };
}

describe('EXECUTE', () => {
  it('may do what was prepared, and its values may be names of parameters', () => {
    const { look, names } = keeper();
    expect(look(build.query('PREPARE q AS SELECT set_config($1, $2, false)'))).toBe(Suspect.Prepare);
    expect(look(build.query("EXECUTE q('app.tenant', 'x')")) & Suspect.Parameter).toBe(Suspect.Parameter);
    expect(names.arrayText).toBe('{app.tenant}');
  });
});

describe('a RESET', () => {
  it('has the client’s startup value set again, once', () => {
    const { look, session } = keeper();
    look(build.query('RESET work_mem'));
    expect(session.mayReset(build.query('')[0]!)).toBe(true);
    expect(session.takeRestore()).toBe('SET "work_mem" TO \'5000\'');
    expect(session.takeRestore()).toBeNull();
  });

  it('of something else needs nothing, and one that was not let through is forgotten', () => {
    const { look, session } = keeper();
    look(build.query('RESET lock_timeout'));
    expect(session.takeRestore()).toBeNull();
    look(build.query('RESET work_mem'));
    look(build.query('SELECT 1'));
    expect(session.takeRestore()).toBeNull();
  });
});

it('a statement that is too long to be searched may do anything', () => {
  const { look } = keeper();
  expect(look(build.query(`SELECT 1 -- ${'x'.repeat(20_000)}`)) & Suspect.Opaque).toBe(Suspect.Opaque);
});
