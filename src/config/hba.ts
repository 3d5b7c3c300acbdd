// auth_hba_file: who may come in from where and how, in the syntax of pg_hba.conf. One line with a problem, and none of the file counts.
//
// Postgres: parse_hba_line (hba.c), whose words for problems these are where it has some.

import { isIP, isIPv4 } from 'node:net';
import { type Field, type LineProblem, type Token, type TokenLine, tokenLines } from './hba-lines.ts';

export type HbaMethod = 'trust' | 'reject' | 'plain' | 'md5' | 'scram-sha-256' | 'cert';

export type HbaName =
  | { readonly kind: 'all' | 'sameuser' | 'replication' }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'pattern'; readonly pattern: RegExp };

export type HbaAddress =
  | { readonly kind: 'all' | 'samehost' | 'samenet' }
  | { readonly kind: 'block'; readonly network: Uint8Array; readonly mask: Uint8Array };

export interface HbaRule {
  readonly file: string;
  readonly line: number;
  /** local: Unix sockets; the others: TCP, encrypted or not. */
  readonly type: 'local' | 'host' | 'hostssl' | 'hostnossl';
  readonly databases: readonly HbaName[];
  readonly users: readonly HbaName[];
  /** null: local. */
  readonly address: HbaAddress | null;
  readonly method: HbaMethod;
  /** The name of a map in auth_ident_file. */
  readonly map: string | null;
  /** A certificate that client_tls_ca_file has signed is needed; verify-full: and its name must be the user's. */
  readonly clientCert: 'verify-ca' | 'verify-full' | null;
  readonly clientName: 'CN' | 'DN';
}

/** Reads a file that an @ or an include names, relative to the file that names it: its text, its path, or why not. */
export type ReadHbaFile = (name: string, from: string) => { readonly path: string; readonly text: string } | string;

const METHODS: Readonly<Record<string, HbaMethod>> = {
  cert: 'cert',
  md5: 'md5',
  password: 'plain',
  reject: 'reject',
  'scram-sha-256': 'scram-sha-256',
  trust: 'trust',
};
const REFUSED_METHODS: Readonly<Record<string, string>> = {
  bsd: 'BSD authentication is not supported',
  gss: 'GSSAPI is not supported',
  ident: 'an ident server says what it likes, so it is not asked',
  ldap: 'LDAP is not supported',
  oauth: 'OAuth is not supported',
  pam: 'PAM is not supported: Node has no binding that is safe to depend on',
  peer: 'Node cannot ask a socket for the credentials of its peer, and a guess would let anybody in',
  radius: 'RADIUS is not supported',
  sspi: 'SSPI is not supported',
};
/** Postgres: CONF_FILE_MAX_DEPTH. */
const MAX_DEPTH = 10;

export function readHba(text: string, file: string, read: ReadHbaFile, problems: LineProblem[], depth = 0): HbaRule[] {
  const rules: HbaRule[] = [];
  for (const line of tokenLines(text, file, problems)) {
    const tell = (message: string) => problems.push({ file: line.file, line: line.line, message });
    const [first] = line.fields[0]!;
    const directive = first?.isQuoted === false ? first.text : '';
    if (directive === 'include' || directive === 'include_if_exists') {
      const target = line.fields[1]?.[0]?.text;
      if (target === undefined || line.fields.length > 2) tell(`${directive} wants the name of a file`);
      else if (depth >= MAX_DEPTH) tell(`could not open "${target}": maximum nesting depth exceeded`);
      else {
        const found = read(target, file);
        if (typeof found !== 'string') rules.push(...readHba(found.text, found.path, read, problems, depth + 1));
        else if (directive === 'include') tell(found);
      }
    } else if (directive === 'include_dir') tell('include_dir is not supported: include each file');
    else {
      const rule = ruleOf(line, read);
      if (typeof rule === 'string') tell(rule);
      else rules.push(rule);
    }
  }
  return rules;
}

/** The rule, or what is wrong. */
function ruleOf({ file, line, fields }: TokenLine, read: ReadHbaFile): HbaRule | string {
  const rest = [...fields];
  const type = one(rest.shift(), 'connection type');
  if (typeof type === 'string') return type;
  if (type.text === 'hostgssenc') return 'hostgssenc record cannot match: GSSAPI is not supported';
  const kind = type.text === 'hostnogssenc' ? 'host' : type.text;
  if (kind !== 'local' && kind !== 'host' && kind !== 'hostssl' && kind !== 'hostnossl')
    return `invalid connection type "${type.text}"`;
  const databases = namesOf(rest.shift(), 'database', file, read);
  if (typeof databases === 'string') return databases;
  const users = namesOf(rest.shift(), 'role', file, read);
  if (typeof users === 'string') return users;
  const address = kind === 'local' ? null : addressOf(rest);
  if (typeof address === 'string') return address;
  const method = one(rest.shift(), 'authentication method');
  if (typeof method === 'string') return method;
  const known = Object.hasOwn(METHODS, method.text) ? METHODS[method.text] : undefined;
  if (known === undefined) {
    const why = Object.hasOwn(REFUSED_METHODS, method.text) ? REFUSED_METHODS[method.text] : undefined;
    return why === undefined ? `invalid authentication method "${method.text}"` : `${method.text}: ${why}`;
  }
  if (known === 'cert' && kind !== 'hostssl') return 'cert authentication is only supported on hostssl connections';
  const options = optionsOf(rest.flat(), kind, known);
  if (typeof options === 'string') return options;
  return { file, line, type: kind, databases, users, address, method: known, ...options };
}

function one(field: Field | undefined, what: string): Token | string {
  if (field === undefined) return `end-of-line before ${what}`;
  return field.length === 1 ? field[0]! : `multiple values specified for ${what}`;
}

/** Names of databases or roles, and the words that stand for several. */
function namesOf(
  field: Field | undefined,
  what: 'database' | 'role',
  file: string,
  read: ReadHbaFile,
  depth = 0,
): HbaName[] | string {
  if (field === undefined) return `end-of-line before ${what} specification`;
  const names: HbaName[] = [];
  for (const { text, isQuoted } of field) {
    if (text.startsWith('/')) {
      const pattern = patternOf(text.slice(1));
      if (typeof pattern === 'string') return pattern;
      names.push({ kind: 'pattern', pattern });
    } else if (isQuoted) names.push({ kind: 'name', name: text });
    else if (text === 'all') names.push({ kind: 'all' });
    else if (what === 'database' && (text === 'sameuser' || text === 'replication')) names.push({ kind: text });
    else if (what === 'database' && (text === 'samerole' || text === 'samegroup'))
      return `${text}: only Postgres knows who is a member of a role`;
    else if (what === 'role' && text.startsWith('+')) return `${text}: only Postgres knows who is a member of a role`;
    else if (text.startsWith('@') && text.length > 1) {
      if (depth >= MAX_DEPTH) return `could not open "${text.slice(1)}": maximum nesting depth exceeded`;
      const found = read(text.slice(1), file);
      if (typeof found === 'string') return found;
      const problems: LineProblem[] = [];
      const tokens = tokenLines(found.text, found.path, problems).flatMap(({ fields }) => fields.flat());
      if (problems[0] !== undefined) return `${found.path}, line ${problems[0].line}: ${problems[0].message}`;
      const included = namesOf(tokens, what, found.path, read, depth + 1);
      if (typeof included === 'string') return included;
      names.push(...included);
    } else names.push({ kind: 'name', name: text });
  }
  return names;
}

/** Differs from Postgres: a pattern is one of JavaScript, which reads most of what Postgres' own does. */
export function patternOf(source: string): RegExp | string {
  try {
    return new RegExp(source, 'u');
  } catch (error) {
    return `invalid regular expression "${source}": ${(error as Error).message}`;
  }
}

/** Takes one field, or two where the mask stands by itself. */
function addressOf(rest: Field[]): HbaAddress | string {
  const token = one(rest.shift(), 'IP address specification');
  if (typeof token === 'string') return token;
  const { text, isQuoted } = token;
  if (!isQuoted && (text === 'all' || text === 'samehost' || text === 'samenet')) return { kind: text };
  const [address = '', prefix, ...more] = text.split('/');
  if (isIP(address) === 0 || more.length > 0)
    return /^[\w.-]+$/.test(text)
      ? `host names are not looked up: write the address of "${text}"`
      : `invalid IP address "${text}"`;
  const network = bytesOf(address);
  if (prefix !== undefined) {
    const bits = /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN;
    if (!(bits <= network.length * 8)) return `invalid CIDR mask in address "${text}"`;
    return { kind: 'block', network, mask: maskOf(bits, network.length) };
  }
  const maskToken = one(rest.shift(), 'netmask specification');
  if (typeof maskToken === 'string')
    return `${maskToken}. Specify an address range in CIDR notation, or provide a separate netmask.`;
  if (isIP(maskToken.text) === 0) return `invalid IP mask "${maskToken.text}"`;
  const mask = bytesOf(maskToken.text);
  return mask.length === network.length ? { kind: 'block', network, mask } : 'IP address and mask do not match';
}

function maskOf(bits: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (0xff00 >> Math.min(8, Math.max(0, bits - i * 8))) & 0xff);
}

/** The 4 or 16 bytes of an address that isIP() takes; an IPv4 address in the clothes of IPv6 is one of IPv4. */
export function bytesOf(address: string): Uint8Array {
  if (isIPv4(address)) return Uint8Array.from(address.split('.'), Number);
  const [plain = ''] = address.split('%');
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(plain);
  const [a = 0, b = 0, c = 0, d = 0] = dotted === null ? [] : dotted[2]!.split('.').map(Number);
  const text = dotted === null ? plain : `${dotted[1]}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  const [head = '', tail] = text.split('::');
  const groups = (part: string) => part.split(':').filter((group) => group !== '');
  const [front, back] = [groups(head), groups(tail ?? '')];
  const all = [...front, ...Array<string>(Math.max(0, 8 - front.length - back.length)).fill('0'), ...back];
  const bytes = Uint8Array.from(
    all.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff]),
  );
  const isMapped = bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  return isMapped ? bytes.subarray(12) : bytes;
}

type Options = Pick<HbaRule, 'map' | 'clientCert' | 'clientName'>;

function optionsOf(tokens: readonly Token[], type: HbaRule['type'], method: HbaMethod): Options | string {
  const isCert = method === 'cert';
  let options: Options = { map: null, clientCert: isCert ? 'verify-full' : null, clientName: 'CN' };
  for (const { text } of tokens) {
    const [, name = '', value = ''] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
    if (name === '') return `authentication option not in name=value format: ${text}`;
    if (name === 'map') {
      // A map is of use where a certificate's name is looked at.
      if (!isCert && options.clientCert !== 'verify-full')
        return 'authentication option "map" is only valid for authentication method cert and with clientcert=verify-full before it';
      options = { ...options, map: value };
    } else if (name === 'clientcert') {
      if (type !== 'hostssl') return 'clientcert can only be configured for "hostssl" rows';
      if (value !== 'verify-ca' && value !== 'verify-full') return `invalid value for clientcert: "${value}"`;
      if (isCert && value !== 'verify-full')
        return 'clientcert only accepts "verify-full" when using "cert" authentication';
      options = { ...options, clientCert: value };
    } else if (name === 'clientname') {
      if (type !== 'hostssl') return 'clientname can only be configured for "hostssl" rows';
      if (value !== 'CN' && value !== 'DN') return `invalid value for clientname: "${value}"`;
      options = { ...options, clientName: value };
    } else return `unrecognized authentication option name: "${name}"`;
  }
  return options;
}
