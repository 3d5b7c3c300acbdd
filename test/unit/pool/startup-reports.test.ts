// What is remembered of startup parameters, and for whom else it holds.
import { describe, expect, it } from 'vitest';
import { StartupReports } from '../../../src/pool/startup-reports.ts';
import { ParameterSet } from '../../../src/session/parameters.ts';

const of = (parameters: Record<string, string>) => ParameterSet.of(Object.entries(parameters));

function learned(parameters: Record<string, string>): StartupReports {
  const reports = new StartupReports();
  const reported = new Map([['TimeZone', 'UTC'], ...Object.entries(parameters)]);
  reports.learn(of(parameters), reported, of({ ...parameters, datestyle: 'ISO, MDY' }));
  return reports;
}

describe('a report', () => {
  it('is the same for the same parameters', () => {
    const reports = learned({ application_name: 'a' });
    expect(reports.find(of({ application_name: 'a' }))).toBe(reports.find(of({ application_name: 'a' })));
  });

  it('holds for an application of another name', () => {
    const found = learned({ application_name: 'a', datestyle: 'iso' }).find(
      of({ application_name: 'worker 7', datestyle: 'iso' }),
    );
    expect(found?.reported.get('application_name')).toBe('worker 7');
    expect(found?.reported.get('TimeZone')).toBe('UTC');
    expect(found?.parameters.equals(of({ application_name: 'worker 7', datestyle: 'ISO, MDY' }))).toBe(true);
  });

  it.each([
    ['other parameters', { application_name: 'a', timezone: 'UTC' }],
    ['no name', {}],
    ['a name that Postgres writes otherwise', { application_name: 'ä' }],
    ['a name that Postgres cuts', { application_name: 'x'.repeat(64) }],
  ])('does not hold for %s', (_, parameters: Record<string, string>) => {
    expect(learned({ application_name: 'a' }).find(of(parameters))).toBeNull();
  });

  it('is forgotten with the others', () => {
    const reports = learned({ application_name: 'a' });
    reports.clear();
    expect(reports.find(of({ application_name: 'b' }))).toBeNull();
  });
});

it('a thousand names are remembered, and no more kept', () => {
  const reports = learned({ application_name: 'a' });
  for (let i = 0; i < 3000; i += 1) {
    expect(reports.find(of({ application_name: `pid ${i}` }))?.reported.get('application_name')).toBe(`pid ${i}`);
  }
});
