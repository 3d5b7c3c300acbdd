// Passwords that come from outside the configuration: which there are, and the configuration with others in their place.
import { type Config, databaseEntry, frozenMap, type PasswordSource } from './config.ts';
import { readTextFile } from './files.ts';
import { Fault } from './kinds.ts';

/** A secret in a file of its own. */
const MAX_PASSWORD_FILE_BYTES = 65_536;

/** What the file holds, without the newline at its end. The reason ends a sentence that begins with "the file". */
export function readPasswordFile(path: string): string | Fault {
  const content = readTextFile(path, MAX_PASSWORD_FILE_BYTES);
  if (content instanceof Fault) return content;
  const secret = content.replace(/\r?\n$/, '');
  return secret === '' || secret.includes('\0') ? new Fault('holds no secret') : secret;
}

/** Every source that is named, with what is known of it. */
export function* passwordSourcesOf({ databases, users }: Config) {
  for (const { passwordSource: source, password } of [...databases.values(), ...users.values()])
    if (source !== null) yield { source, password };
}

/** The source of the password that a user logs in to Postgres with; null: it does not change by itself. */
export function passwordSourceFor(config: Config, database: string, user: string): PasswordSource | null {
  const entry = databaseEntry(config, database);
  if (entry?.user === user && (entry.password !== null || entry.passwordSource !== null)) return entry.passwordSource;
  return config.users.get(user)?.passwordSource ?? null;
}

/** The configuration with what the sources say now; the very same one where that is nothing new. null: not known. */
export function withPasswords(config: Config, passwordOf: (source: PasswordSource) => string | null): Config {
  let isChanged = false;
  const renewed = <E extends { passwordSource: PasswordSource | null; password: string | null }>(entry: E): E => {
    const password = entry.passwordSource === null ? null : passwordOf(entry.passwordSource);
    if (password === null || password === entry.password) return entry;
    isChanged = true;
    return Object.freeze({ ...entry, password });
  };
  const databases = [...config.databases].map(([name, entry]) => [name, renewed(entry)] as const);
  const users = [...config.users].map(([name, entry]) => [name, renewed(entry)] as const);
  if (!isChanged) return config;
  const secrets = new Map(config.secrets);
  for (const [name, { passwordSource, password }] of users)
    if (passwordSource !== null && password !== null) secrets.set(name, password);
  return Object.freeze({
    ...config,
    databases: frozenMap(databases),
    users: frozenMap(users),
    secrets: frozenMap(secrets),
  });
}
