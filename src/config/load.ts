// Reads a configuration, from a file (YAML, or PgBouncer's ini) or a text: all of it right, or every problem at once. Nothing here throws.
import { dirname, resolve } from 'node:path';
import { type Config, frozenMap, type LoadResult, type UserEntry } from './config.ts';
import { findContradictions } from './contradictions.ts';
import { type Expander, MAX_EXPANDED } from './expand.ts';
import { readTextFile } from './files.ts';
import type { IniTree } from './ini/from-ini.ts';
import { isIniFile, readIniTree, tellLeftOut } from './ini/load-ini.ts';
import { MAX_INI_BYTES } from './ini/read-ini.ts';
import { Fault } from './kinds.ts';
import { ProblemList, WHOLE_FILE } from './problems.ts';
import { placeOf, readDatabases, readPeers, readUsers, type Surroundings } from './read-entries.ts';
import { readHbaFiles } from './read-hba.ts';
import { type Findings, readScope } from './read-scope.ts';
import { defaultSettings, type Settings } from './settings-table.ts';
import { MAX_USERLIST_BYTES, readUserlist } from './userlist.ts';
import { MAX_FILE_BYTES, type MapNode, readYaml } from './yaml.ts';

export interface ParseOptions {
  /** The name for messages, and the `file` of the configuration. */
  readonly file?: string;
  /** Where ${NAME} is looked up; default: the environment of the process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** What auth_file and password_file are relative to; default: the working directory. */
  readonly baseDir?: string;
}

/** Reads and checks a file. Relative names in it are relative to its own directory. */
export function loadConfig(file: string, env: ParseOptions['env'] = process.env): LoadResult {
  const text = readTextFile(file, isIniFile(file) ? MAX_INI_BYTES : MAX_FILE_BYTES);
  if (!(text instanceof Fault)) {
    const baseDir = dirname(resolve(file));
    return isIniFile(file) ? parseIni(text, file, baseDir).result : parseConfig(text, { file, env, baseDir });
  }
  const problems = new ProblemList(file);
  problems.add(WHOLE_FILE, '', text.reason);
  return { ok: false, problems: problems.sorted() };
}

/** Checks a text. It may still read the files that the text names. */
export function parseConfig(text: string, options: ParseOptions = {}): LoadResult {
  const { file, env = process.env, baseDir = process.cwd() } = options;
  const name = file ?? 'config';
  const errors = new ProblemList(name);
  const warnings = new ProblemList(name);
  const expander: Expander = { env, budget: MAX_EXPANDED };
  const root = readYaml(text, expander, errors);
  const parts = root && readParts(root, { baseDir, env }, { errors, warnings });
  if (!parts || errors.length > 0) return { ok: false, problems: errors.sorted() };
  return { ok: true, config: Object.freeze({ ...parts, file: file ?? null, warnings: warnings.sorted() }) };
}

/** What an ini says, and the tree that says the same in YAML. */
export interface ParsedIni {
  readonly result: LoadResult;
  readonly tree: IniTree;
}

export interface ParseIniOptions {
  /** The file is only translated: what is left out of it is told with the tree, and auth_file may be on another machine. */
  readonly forImport?: boolean;
}

/** Checks the text of a pgbouncer.ini. It may still read the files that the text names. */
export function parseIni(text: string, file: string, baseDir: string, options: ParseIniOptions = {}): ParsedIni {
  const findings: Findings = { errors: new ProblemList(file), warnings: new ProblemList(file) };
  const { errors, warnings } = findings;
  const tree = readIniTree(file, text, findings);
  if (options.forImport !== true) tellLeftOut(tree, findings);
  const parts = readParts(
    tree.root,
    { baseDir, env: process.env },
    findings,
    options.forImport === true ? warnings : errors,
  );
  if (errors.length > 0) return { result: { ok: false, problems: errors.sorted() }, tree };
  return { result: { ok: true, config: Object.freeze({ ...parts, file, warnings: warnings.sorted() }) }, tree };
}

/** `unreadable`: where it is told that auth_file can't be read. */
function readParts(
  root: MapNode,
  { baseDir, env }: Surroundings,
  findings: Findings,
  unreadable: ProblemList = findings.errors,
): Omit<Config, 'file' | 'warnings'> {
  // The rows give each value its type: see ValueOf.
  const settings = Object.freeze({ ...defaultSettings, ...readScope(root, 'global', '', findings) }) as Settings;
  const databases = frozenMap(readDatabases(root, { baseDir, env }, findings));
  const users = frozenMap(readUsers(root, { baseDir, env }, findings));
  const peers = frozenMap(readPeers(root, findings));
  const secrets = frozenMap(readSecrets(root, settings.auth_file, users, baseDir, unreadable, findings));
  const hba = readHbaFiles(root, settings, baseDir, unreadable);
  findContradictions({ root, settings, databases, users, secrets, hba }, findings);
  return { settings, databases, users, peers, secrets, hba };
}

/** The secrets of auth_file, and over them those of users:. */
function readSecrets(
  root: MapNode,
  authFile: string,
  users: ReadonlyMap<string, UserEntry>,
  baseDir: string,
  unreadable: ProblemList,
  { errors }: Findings,
): Map<string, string> {
  let secrets = new Map<string, string>();
  if (authFile !== '') {
    const place = placeOf(root, 'auth_file');
    const text = readTextFile(resolve(baseDir, authFile), MAX_USERLIST_BYTES);
    if (text instanceof Fault) {
      unreadable.add(place, 'auth_file', `the file ${text.reason}`);
    } else {
      const problems = new ProblemList(authFile);
      secrets = readUserlist(text, problems);
      for (const { line, message } of problems.sorted()) {
        errors.add(place, 'auth_file', line > 0 ? `line ${line} of the file: ${message}` : message);
      }
    }
  }
  for (const { name, password } of users.values()) if (password !== null) secrets.set(name, password);
  return secrets;
}
