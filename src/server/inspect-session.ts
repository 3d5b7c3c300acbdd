// Asks a server what its session has come to, and notes the answer with the server.

import type { ErrorFields } from '../protocol/error-fields.ts';
import type { CustomNames } from '../session/custom-names.ts';
import { BLIND_PINS, Inspection, inspectionQuery } from '../session/inspection.ts';
import type { ParameterSet } from '../session/parameters.ts';
import { Suspect } from '../session/suspect.ts';
import type { RowReader } from './server.ts';

/** The server that is asked. */
export interface InspectedServer {
  readonly loginRole: string;
  channels: ReadonlySet<string>;
  parameters: ParameterSet;
  pins: number;
  suspect: number;
  ask(sql: string, done: (error: ErrorFields | null) => void, rows: RowReader): void;
  /** What nobody can look into has run on it. */
  taint(): void;
}

/** Only when nothing is owed. parameters and pins are right when done is called; it is called at once when there is nothing to ask. */
export function inspectSession(
  server: InspectedServer,
  names: CustomNames,
  done: (error: ErrorFields | null) => void,
): void {
  const suspected = server.suspect;
  if ((suspected & Suspect.Opaque) !== 0) server.taint();
  const inspection = new Inspection(suspected, server.pins, server.loginRole);
  server.pins |= suspected & BLIND_PINS;
  server.suspect = Suspect.None;
  if (inspection.parts === 0) {
    done(null);
    return;
  }
  const read = (error: ErrorFields | null) => {
    if (error === null) {
      server.parameters = inspection.parameters(server.parameters);
      server.pins = inspection.pins(server.pins);
      server.channels = inspection.channels(server.channels);
    } else server.suspect |= suspected; // still nobody knows
    done(error);
  };
  server.ask(inspectionQuery(inspection.parts, names), read, inspection);
}
