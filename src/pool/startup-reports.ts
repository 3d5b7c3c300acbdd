// What Postgres makes of sets of startup parameters: asked once for each, and remembered, so that logins need not wait for a server.

import { parameterStatuses } from '../protocol/writer.ts';
import type { ParameterSet } from '../session/parameters.ts';

export interface StartupReport {
  readonly reported: ReadonlyMap<string, string>;
  /** The same as each client is told it. */
  readonly statuses: Buffer;
  /** As pg_settings writes them. */
  readonly parameters: ParameterSet;
}

/** How many sets are remembered; beyond that all are forgotten and asked for again. */
const MAX_REPORTS = 1_000;

/** Postgres keeps such a name as it is (check_application_name, NAMEDATALEN): one more of them need not be asked for. */
const PLAIN_NAME = /^[\x20-\x7e]{1,63}$/;

export class StartupReports {
  readonly #byKey = new Map<string, StartupReport>();
  /** By key, whatever the application is called. */
  readonly #nameless = new Map<string, StartupReport>();

  /** What a server reports right after its login: a change makes all that is remembered stale. */
  #atLogin: ReadonlyMap<string, string> = new Map();

  /** A server has logged in. */
  loggedIn(reported: ReadonlyMap<string, string>): void {
    if (isSame(reported, this.#atLogin)) return;
    this.#atLogin = new Map(reported);
    this.clear();
  }

  /** Null: Postgres has not been asked. */
  find(parameters: ParameterSet): StartupReport | null {
    const known = this.#byKey.get(parameters.key);
    if (known !== undefined) return known;
    const name = plainName(parameters);
    const like = name === null ? undefined : this.#nameless.get(namelessKey(parameters));
    if (name === null || like === undefined) return null;
    const reported = new Map(like.reported).set('application_name', name);
    const report = reportOf(reported, like.parameters.with('application_name', name));
    keep(this.#byKey, parameters.key, report);
    return report;
  }

  /** as: how pg_settings writes the parameters. */
  learn(parameters: ParameterSet, reported: ReadonlyMap<string, string>, as: ParameterSet): StartupReport {
    const report = reportOf(reported, as);
    keep(this.#byKey, parameters.key, report);
    if (plainName(parameters) !== null) keep(this.#nameless, namelessKey(parameters), report);
    return report;
  }

  clear(): void {
    this.#byKey.clear();
    this.#nameless.clear();
  }
}

function reportOf(reported: ReadonlyMap<string, string>, parameters: ParameterSet): StartupReport {
  return { reported, parameters, statuses: parameterStatuses(reported) };
}

function isSame(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  if (a.size !== b.size) return false;
  for (const [name, value] of a) if (b.get(name) !== value) return false;
  return true;
}

function keep(map: Map<string, StartupReport>, key: string, report: StartupReport): void {
  if (map.size >= MAX_REPORTS) map.clear();
  map.set(key, report);
}

function plainName(parameters: ParameterSet): string | null {
  const name = parameters.entries.get('application_name');
  return name !== undefined && PLAIN_NAME.test(name) ? name : null;
}

function namelessKey(parameters: ParameterSet): string {
  return parameters.with('application_name', '').key;
}
