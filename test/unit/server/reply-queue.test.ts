// What a server owes and who gets it, one message flow of the protocol after the other. COPY has a file of its own.
import { describe, expect, it } from 'vitest';
import { Talk, talk } from './talk.ts';

it('owes nothing at first', () => {
  talk().isIdle();
});

describe('a simple query', () => {
  it('is over with ReadyForQuery, however many statements it has', () => {
    talk().sends('Q').owes(1).gets('TDDCZ').isIdle();
    talk().sends('Q').gets('CTDCCZ').isIdle();
    talk().sends('Q').gets('IZ').isIdle();
  });

  it('that fails is over with ReadyForQuery too', () => {
    talk().sends('Q').gets('TDEZ').isIdle();
    talk().sends('Q').gets('EZ').sends('Q').gets('TDCZ').isIdle();
  });

  it('is answered in turn when several are sent at once', () => {
    talk().sends('QQQ').owes(3).gets('TDCZ').owes(2).gets('EZ').owes(1).gets('IZ').isIdle();
  });
});

describe('an extended exchange', () => {
  it('is over with the answer to Sync', () => {
    talk().sends('PBDES').owes(5).gets('12TDDCZ').isIdle();
    talk().sends('PDBES').gets('1tn2CZ').isIdle();
    talk().sends('PDS').gets('1tTZ').isIdle();
    talk().sends('BDES').gets('2nIZ').isIdle();
    talk().sends('CCS').gets('33Z').isIdle();
    talk().sends('S').gets('Z').isIdle();
  });

  it('is open until Sync is sent, even when all is answered', () => {
    const open = talk().sends('PBEH').gets('12DC').owes(0);
    expect(open.queue.isBatchOpen).toBe(true);
    open.sends('S').owes(1).gets('Z').isIdle();
    expect(open.queue.isBatchOpen).toBe(false);
  });

  it('goes on behind a suspended portal', () => {
    talk().sends('PBEH').gets('12DDs').sends('EH').gets('Ds').sends('ES').gets('DCZ').isIdle();
  });

  it('counts each Sync of a pipeline', () => {
    talk().sends('PBESPBESBES').owes(11).gets('12DCZ').owes(7).gets('12DCZ').owes(3).gets('2DCZ').isIdle();
  });

  it('may fail at its Sync, by a deferred constraint', () => {
    talk().sends('PBES').gets('12CEZ').isIdle();
  });

  it('asks nothing with Flush, and Terminate ends without an answer', () => {
    talk().sends('HHX').isIdle();
  });
});

describe('an error in an extended exchange', () => {
  it('takes what was sent up to Sync with it', () => {
    talk().sends('PBDES').gets('E').owes(1).gets('Z').isIdle();
    talk().sends('PBDES').gets('12TE').owes(1).gets('Z').isIdle();
  });

  it('leaves the exchanges behind Sync alone', () => {
    talk().sends('PBESPBES').gets('1E').owes(5).gets('Z12DCZ').isIdle();
  });

  it('takes what is sent afterwards too, until Sync comes', () => {
    const failed = talk().sends('PBH').gets('1E').owes(0);
    expect(failed.queue.isBatchOpen).toBe(true);
    failed.sends('PBEQFC').owes(0).sends('S').owes(1).gets('Z').isIdle();
  });

  it('takes a simple query and a function call before the next Sync with it', () => {
    talk().sends('PQFS').gets('E').owes(1).gets('Z').probes().swallows('IZ').isIdle();
  });

  it('does not reach the next client: nothing of it is left', () => {
    talk().sends('PBES').gets('EZ').isIdle().sends('PBES').gets('12DCZ').isIdle();
  });
});

describe('a function call', () => {
  it('is over with ReadyForQuery', () => {
    talk().sends('F').owes(1).gets('VZ').isIdle();
    talk().sends('F').gets('EZ').isIdle();
    talk().sends('FQ').gets('VZTDCZ').isIdle();
  });
});

describe('a query in an open exchange', () => {
  it('ends it, and what Sync leaves behind in Postgres is settled by a probe', () => {
    // Postgres 18: the next statement would fail with XX000.
    talk().sends('PBEQ').gets('12DCTDCZ').isIdle().sends('S').gets('Z').owes(0).probes().swallows('EZ').isIdle();
    talk().sends('PBEFS').gets('12DCVZZ').owes(0).probes().swallows('IZ').isIdle();
    talk().sends('PBEQSS').gets('12DCTDCZZZ').owes(0).probes().swallows('IZ').isIdle();
  });

  it('needs no probe when the client itself asks on', () => {
    talk().sends('PBEQSQ').gets('12DCTDCZZEZ').isIdle();
  });

  it('needs none where Sync comes first', () => {
    talk().sends('PBESQS').gets('12DCZTDCZZ').isIdle();
  });
});

describe('a question of ours', () => {
  it('is answered to nobody', () => {
    talk().asks('Q').swallows('CCZ').isIdle();
    talk().asks('Q').swallows('EZ').isIdle();
  });

  it('behind and before those of the client is told apart', () => {
    talk().sends('Q').asks('Q').sends('Q').gets('TDCZ').swallows('CZ').gets('TDCZ').isIdle();
  });

  it('may be a part of an exchange of the client', () => {
    talk().asks('P').sends('BES').swallows('1').gets('2DCZ').isIdle();
    talk().asks('C').asks('P').sends('BDES').swallows('31').gets('2TDCZ').isIdle();
  });

  it('that fails takes the rest of the exchange with it, and the client is told', () => {
    talk().asks('Q').swallows('EZ').isIdle();
    // A statement of the client that was to be parsed for it: its error is the client's.
    talk().asks('P').sends('BES').gets('EZ').isIdle();
  });
});

describe('what nobody asked for', () => {
  it('may be a notice, a parameter or a notification at any time', () => {
    talk().gets('N').gets('S').gets('A').isIdle();
    talk().sends('PBES').gets('N1A2SDNCAZ').isIdle().gets('S');
    talk().asks('Q').swallows('NSCSZ').isIdle();
  });

  it('may be the last words of a server that goes', () => {
    talk().gets('E').isIdle();
  });

  it('is refused otherwise', () => {
    for (const type of '123CDGHITVWZcdnst') talk().refuses(type);
    talk().sends('Q').gets('CZ').refuses('Z');
  });

  it.each([
    ['P', '1E', '23CDGHITVWZcdnst'],
    ['B', '2E', '13CDGHITVWZcdnst'],
    ['C', '3E', '12CDGHITVWZcdnst'],
    ['D', 'tTnE', '123CDGHIVWZcds'],
    ['E', 'DCIsGHdcE', '123TVWZnt'],
    ['S', 'ZE', '123CDGHITVWcdnst'],
    ['Q', 'TDCIGHWdcZE', '123Vnst'],
    ['F', 'VZE', '123CDGHITWcdnst'],
  ])('is refused where %s is to be answered', (asked, right, wrong) => {
    for (const type of right) talk().sends(asked).gets(type);
    for (const type of wrong) talk().sends(asked).refuses(type);
    for (const type of 'RKv?\0\xff') talk().sends(asked).refuses(type);
  });
});

describe('a long pipeline', () => {
  it('keeps order and owner over many thousands', () => {
    const pipeline = new Talk();
    for (let i = 0; i < 20_000; i += 1) (i % 3 === 0 ? pipeline.asks('Q') : pipeline.sends('Q')).owes(i + 1);
    for (let i = 0; i < 20_000; i += 1) i % 3 === 0 ? pipeline.swallows('CZ') : pipeline.gets('CZ');
    pipeline.isIdle();
  });

  it('may be read and written for ever', () => {
    const pipeline = talk().sends('PBE');
    for (let i = 0; i < 1000; i += 1) pipeline.gets('12DC').sends('PBE').owes(3);
    pipeline.gets('12DC').sends('S').gets('Z').isIdle();
  });
});
