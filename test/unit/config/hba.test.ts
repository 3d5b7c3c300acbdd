// pg_hba.conf and pg_ident.conf, read: every form of a line, and every line that is wrong by its number.
import { describe, expect, it } from 'vitest';
import { bytesOf, type ReadHbaFile, readHba } from '../../../src/config/hba.ts';
import type { LineProblem } from '../../../src/config/hba-lines.ts';
import { readIdent } from '../../../src/config/ident.ts';

const files: Record<string, string> = {
  names: 'ann, bob # two of them\n"all"\n',
  more: 'host all all ::1/128 trust\n',
  loop: 'include loop\n',
};
const read: ReadHbaFile = (name) => (Object.hasOwn(files, name) ? { path: name, text: files[name]! } : `no ${name}`);

function rules(text: string) {
  const problems: LineProblem[] = [];
  const found = readHba(text, 'hba', read, problems);
  return { found, problems: problems.map(({ line, message }) => `${line}: ${message}`) };
}

const one = (text: string) => rules(text).found[0];
const problem = (text: string) => rules(text).problems[0];

describe('a line', () => {
  it('has a type, databases, users, an address, a method', () => {
    expect(one('host db ann 10.1.2.3/8 scram-sha-256')).toMatchObject({
      type: 'host',
      databases: [{ kind: 'name', name: 'db' }],
      users: [{ kind: 'name', name: 'ann' }],
      address: { kind: 'block', mask: Uint8Array.from([255, 0, 0, 0]) },
      method: 'scram-sha-256',
      map: null,
      clientCert: null,
    });
  });

  it('of type local has no address', () => {
    expect(one('local all all reject')).toMatchObject({ type: 'local', address: null, method: 'reject' });
  });

  it('may have its mask in a column of its own', () => {
    const { address } = one('hostssl all all 10.0.0.0 255.255.0.0 md5')!;
    expect(address).toMatchObject({ mask: Uint8Array.from([255, 255, 0, 0]) });
  });

  it('may name several, with spaces behind the commas', () => {
    expect(one('host a, b,c ann samehost trust')?.databases.map((name) => 'name' in name && name.name)).toEqual([
      'a',
      'b',
      'c',
    ]);
  });

  it('takes a word in quotes for a name', () => {
    expect(one('local "all" "replication" trust')).toMatchObject({
      databases: [{ kind: 'name', name: 'all' }],
      users: [{ kind: 'name', name: 'replication' }],
    });
    expect(one('local all "with ""quotes"" and # and ," trust')?.users).toEqual([
      { kind: 'name', name: 'with "quotes" and # and ,' },
    ]);
  });

  it('may hold patterns and names from a file', () => {
    const found = one('host /^app_ @names 0.0.0.0/0 md5');
    expect(found?.databases[0]).toMatchObject({ kind: 'pattern' });
    expect(found?.users).toEqual([
      { kind: 'name', name: 'ann' },
      { kind: 'name', name: 'bob' },
      { kind: 'name', name: 'all' },
    ]);
  });

  it('may go on behind a backslash, and keeps its number', () => {
    expect(rules('# comment\nlocal all \\\n  all trust\nhost all all all trust').found.map(({ line }) => line)).toEqual(
      [2, 4],
    );
  });

  it('asks for a certificate with cert and with clientcert', () => {
    expect(one('hostssl all all all cert map=m clientname=DN')).toMatchObject({
      clientCert: 'verify-full',
      map: 'm',
      clientName: 'DN',
    });
    expect(one('hostssl all all all md5 clientcert=verify-ca')).toMatchObject({ clientCert: 'verify-ca' });
  });

  it('may include another file', () => {
    expect(rules('include more\ninclude_if_exists nothing\nlocal all all trust').found.map(({ type }) => type)).toEqual(
      ['host', 'local'],
    );
  });
});

describe('a line that is wrong', () => {
  it.each([
    ['remote all all all trust', 'invalid connection type "remote"'],
    ['host', 'end-of-line before database specification'],
    ['host all', 'end-of-line before role specification'],
    ['host all all', 'end-of-line before IP address specification'],
    ['host all all 10.0.0.1 trust', 'invalid IP mask "trust"'],
    ['host all all 10.0.0.1', 'end-of-line before netmask specification'],
    ['host all all 10.0.0.1/33 trust', 'invalid CIDR mask in address "10.0.0.1/33"'],
    ['host all all 10.0.0.1/x trust', 'invalid CIDR mask in address "10.0.0.1/x"'],
    ['host all all 10.0.0.1 ffff:: trust', 'IP address and mask do not match'],
    ['host all all db.internal trust', 'host names are not looked up'],
    ['host all all all', 'end-of-line before authentication method'],
    ['host all all all peer', 'peer: Node cannot ask a socket for the credentials of its peer'],
    ['host all all all nonsense', 'invalid authentication method "nonsense"'],
    ['host all all all constructor', 'invalid authentication method "constructor"'],
    ['host all all all trust,md5', 'multiple values specified for authentication method'],
    ['host all all all cert', 'cert authentication is only supported on hostssl connections'],
    ['host all all all md5 clientcert=verify-ca', 'clientcert can only be configured for "hostssl" rows'],
    ['hostssl all all all cert clientcert=verify-ca', 'clientcert only accepts "verify-full"'],
    ['hostssl all all all md5 map=m', 'authentication option "map" is only valid'],
    ['hostssl all all all md5 krb=1', 'unrecognized authentication option name: "krb"'],
    ['hostssl all all all md5 yes', 'authentication option not in name=value format: yes'],
    ['host all +staff all trust', 'only Postgres knows who is a member of a role'],
    ['host samerole all all trust', 'only Postgres knows who is a member of a role'],
    ['host all /( all trust', 'invalid regular expression "("'],
    ['host all @nowhere all trust', 'no nowhere'],
    ['hostgssenc all all all trust', 'GSSAPI is not supported'],
    ['host all "open all trust', 'a quote is not closed'],
    ['include nowhere', 'no nowhere'],
    ['include loop', 'maximum nesting depth exceeded'],
    ['include_dir d', 'include_dir is not supported'],
  ])('%s', (text, message) => {
    const { found, problems } = rules(`local all all trust\n${text}`);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(message);
    expect(problems[0]).toMatch(/^[12]: /);
    expect(found).toHaveLength(1);
  });

  it('does not hide the next one', () => {
    expect(rules('x\nlocal all all trust\ny').problems).toHaveLength(2);
    expect(problem('\n\nx')).toMatch(/^3: /);
  });
});

describe('an address', () => {
  it.each([
    ['1.2.3.4', [1, 2, 3, 4]],
    ['::ffff:1.2.3.4', [1, 2, 3, 4]],
    ['::1', [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]],
    ['fe80::1%eth0', [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]],
    ['1:2:3:4:5:6:7:8', [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8]],
    ['::', Array(16).fill(0)],
  ])('%s is so many bytes', (text, bytes) => {
    expect([...bytesOf(text)]).toEqual(bytes);
  });
});

describe('a map', () => {
  const ident = (text: string) => {
    const problems: LineProblem[] = [];
    return {
      lines: readIdent(text, 'ident', problems),
      problems: problems.map(({ line, message }) => `${line}: ${message}`),
    };
  };

  it('has a name, a name in the certificate and a user', () => {
    expect(ident('m "Ann Smith" ann\nm /^(.*)@x$ \\1\nm bob all').lines).toEqual([
      { map: 'm', system: { name: 'Ann Smith' }, user: 'ann' },
      { map: 'm', system: { pattern: /^(.*)@x$/u }, user: '\\1' },
      { map: 'm', system: { name: 'bob' }, user: null },
    ]);
  });

  it('tells each line that is wrong', () => {
    expect(ident('m a\nm a b c\nm /( b\nm a +b\nm a /(').problems.map((text) => text.slice(0, 2))).toEqual([
      '1:',
      '2:',
      '3:',
      '4:',
      '5:',
    ]);
  });
});
