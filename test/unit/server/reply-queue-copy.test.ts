// What a server owes while data is copied, and who gets it: the flows where Sync may mean nothing.
import { describe, expect, it } from 'vitest';
import { talk } from './talk.ts';

describe('COPY FROM STDIN by a simple query', () => {
  it('is over with ReadyForQuery', () => {
    const copy = talk().sends('Q').gets('G').owes(1);
    expect(copy.queue.isCopyIn).toBe(true);
    copy.sends('dddc').owes(1);
    expect(copy.queue.isCopyIn).toBe(false);
    copy.gets('CZ').isIdle();
  });

  it('may be sent in one go', () => {
    talk().sends('Qddc').gets('GCZ').isIdle();
    talk().sends('QddcQ').gets('GCZTDCZ').isIdle();
  });

  it('fails with CopyFail', () => {
    talk().sends('Q').gets('G').sends('df').gets('EZ').isIdle();
  });

  it('may be one of several statements, and they may be several', () => {
    talk().sends('Q').gets('TDCG').sends('dc').gets('CTDCG').sends('dc').gets('CZ').isIdle();
    talk().sends('Qdcdc').gets('GCGCZ').isIdle();
  });

  it('may be followed by a statement that fails', () => {
    talk().sends('Q').gets('G').sends('dSc').gets('CEZ').isIdle();
  });

  it('that fails early ignores the rest of the data', () => {
    talk().sends('Q').gets('G').sends('d').gets('E').sends('ddc').gets('Z').isIdle();
    talk().sends('Q').gets('G').sends('d').gets('EZ').sends('ddc').isIdle().sends('Q').gets('TDCZ').isIdle();
    talk().sends('Qddc').gets('EZ').isIdle();
    talk().sends('QddfQ').gets('GEZ').owes(1).gets('TDCZ').isIdle();
  });
});

describe('COPY FROM STDIN by Execute', () => {
  it('is over with the Sync behind its end', () => {
    talk().sends('PBEH').gets('12G').sends('ddcS').gets('CZ').isIdle();
    talk().sends('PBEddcS').gets('12GCZ').isIdle();
    talk().sends('PBEH').gets('12G').sends('dfS').gets('EZ').isIdle();
  });

  it('keeps the batch open until then', () => {
    const copy = talk().sends('PBEH').gets('12G').sends('dcH').gets('C').owes(0);
    expect(copy.queue.isBatchOpen).toBe(true);
    copy.sends('ES').gets('CZ').isIdle();
  });

  it('eats the Sync that was sent with it', () => {
    talk().sends('PBES').gets('12G').owes(1).sends('dcS').gets('CZ').isIdle();
    const eaten = talk().sends('PBESdc').gets('12GC').owes(0);
    expect(eaten.queue.isBatchOpen).toBe(true);
    eaten.sends('S').gets('Z').isIdle();
    talk().sends('PBESSddSHcS').gets('12GCZ').isIdle();
  });

  it('leaves a batch that a query ended behind an eaten Sync closed', () => {
    talk().sends('PBESdcQ').gets('12GCTDCZ').isIdle();
  });

  it('that fails early ignores everything up to Sync', () => {
    talk().sends('PBEH').gets('12G').sends('d').gets('E').sends('ddc').owes(0).sends('S').owes(1).gets('Z').isIdle();
    talk().sends('PBEddcS').gets('12GEZ').isIdle();
    talk().sends('PBEddcSQ').gets('12EZTDCZ').isIdle();
  });

  it('that fails before it began has eaten nothing', () => {
    talk().sends('PBESdcS').gets('12EZZ').isIdle();
    talk().sends('PBES').gets('12EZ').isIdle();
  });
});

describe('a copy that fails and may have eaten a Sync', () => {
  it('is not over before a probe was answered', () => {
    talk().sends('PBES').gets('12G').sends('dcS').gets('EZ').owes(0).probes().owes(1).swallows('IZ').isIdle();
  });

  it('gives the stray ReadyForQuery to the client that sent the Sync', () => {
    talk().sends('PBES').gets('12G').sends('dcS').gets('EZ').probes().gets('Z').owes(1).swallows('IZ').isIdle();
  });

  it('is over when the one Sync that was sent is answered after all', () => {
    talk().sends('PBES').gets('12GEZ').isIdle();
  });

  it('counts each Sync that may be answered', () => {
    talk().sends('PBESSS').gets('12GEZ').owes(0).probes().gets('ZZ').swallows('IZ').isIdle();
    talk().sends('PBESSS').gets('12GEZ').probes().gets('Z').swallows('IZ').isIdle();
  });

  it('needs no probe when the next statement tells', () => {
    talk().sends('PBES').gets('12G').sends('dcSQ').gets('EZ').owes(1).gets('TDCZ').isIdle();
    talk().sends('PBES').gets('12G').sends('dcSQ').gets('EZ').owes(1).gets('Z').owes(1).gets('TDCZ').isIdle();
    talk().sends('PBES').gets('12G').sends('dcSPBES').gets('EZ').gets('Z12DCZ').isIdle();
    talk().sends('QS').gets('G').sends('dcF').gets('EZ').gets('ZVZ').isIdle();
  });

  it('may be a simple query too', () => {
    talk().sends('Q').gets('G').sends('Sd').gets('EZ').owes(0).probes().gets('Z').swallows('IZ').isIdle();
    talk().sends('Q').gets('G').sends('Sd').gets('EZ').probes().swallows('IZ').isIdle();
  });

  it('lets pass what comes unasked while the probe is out, and takes its error', () => {
    const doubtful = () => talk().sends('PBES').gets('12G').sends('dcS').gets('EZ').probes();
    doubtful().gets('NSA').swallows('I').gets('A').swallows('Z').isIdle();
    doubtful().swallows('EZ').isIdle();
    doubtful().refuses('C');
  });

  it('is probed once everything else is settled', () => {
    const copy = talk().sends('PBES').gets('12G').sends('dcSPH').gets('EZ');
    expect(copy.queue.needsProbe).toBe(false);
    copy.gets('1').sends('S').gets('Z').isIdle();
  });

  it('and whose client goes on without waiting keeps its server: nobody can tell what is owed', () => {
    for (const lost of [
      talk().sends('PBESdcQ').gets('12GE'),
      talk().sends('PBESdcCS').gets('12GE'),
      talk().sends('PBES').gets('12GE').sends('Q'),
    ]) {
      expect(lost.queue.isBatchOpen).toBe(true);
      lost.gets('ZTDCZ').owes(0).sends('SSS').gets('ZZZ').owes(0);
      expect(lost.queue.needsProbe).toBe(false);
    }
  });
});

describe('COPY TO STDOUT', () => {
  it('is a reply like any other', () => {
    talk().sends('Q').gets('HdddcCZ').isIdle();
    talk().sends('PBES').gets('12HddcCZ').isIdle();
    talk().sends('Q').gets('HddEZ').isIdle();
    talk().sends('PBES').gets('12HdEZ').isIdle();
  });
});

describe('COPY BOTH', () => {
  it('makes the server its client’s to the end', () => {
    const both = talk().sends('Q').gets('TDCZ').isIdle().sends('Q').gets('W').owes(1).sends('ddd').gets('ddNd');
    both.sends('c').gets('cCZ').owes(1);
    expect(both.queue.isBatchOpen).toBe(true);
    both.sends('Q').gets('TDCZ').owes(1);
  });
});
