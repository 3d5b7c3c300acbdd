// Carries a client's session from server to server: makes a server's session the client's before a statement runs there, and
// asks the server afterwards what the session has come to.
//
// Each way begins and ends in the stage relay, but for the first one of a client whose startup parameters are new to its pool:
// relay -> preparing -> relay     the server's session is another one: the difference first
// relay -> opening -> relay       the same, and BEGIN in the same write
// relay -> inspecting -> relay    behind a transaction that may have changed the session, or a RESET
// welcome -> relay                the difference, and what Postgres makes of it
// Whatever fails closes the client: it would go on in a session that is not its own.

import type { Pool } from '../pool/pool.ts';
import type { ClientCloseReason } from '../pool/pool-client.ts';
import { asFatal, poolerError } from '../protocol/catalogue.ts';
import type { ErrorFields } from '../protocol/error-fields.ts';
import type { FrameReader } from '../protocol/frame-reader.ts';
import { TxStatus } from '../protocol/message-types.ts';
import { parameterStatuses } from '../protocol/writer.ts';
import type { Server } from '../server/server.ts';
import { onlyOpensTransaction } from '../session/opening.ts';
import { difference, type ParameterSet, statementsToPrepare } from '../session/parameters.ts';
import { SessionKeeper } from '../session/session-keeper.ts';
import { Suspect } from '../session/suspect.ts';
import { ENTER_FAILED, type Reclaimed } from './reclaimed.ts';
import type { Stage } from './stage.ts';

/** The client whose session it is. */
export interface CarriedClient {
  readonly pool: Pool | null;
  readonly server: Server | null;
  /** Not null: it has a server of its own, whose session is nobody else's. */
  readonly dedicated: ReadonlyMap<string, string> | null;
  /** Its session follows it from server to server. */
  readonly sharesSession: boolean;
  readonly isListening: boolean;
  readonly isLeaving: boolean;
  /** What it expects of its next server. */
  parameters: ParameterSet;
  session: SessionKeeper;
  stage: Stage;
  reclaimed: Reclaimed | null;
  /** The BEGIN under the cursor is sent, behind what prepares the session. False: it has to wait as any other. */
  sendOpening(server: Server): boolean;
  /** What its server reports goes to the client: it is let in. */
  welcome(statuses: Buffer): void;
  /** Its server's session is the client's: what is under the cursor may go on. */
  onPrepared(): void;
  onServerReady(): void;
  onServerProgress(): void;
  close(reason: ClientCloseReason, error: ErrorFields | null, detail?: string): void;
}

export class SessionCarrier {
  readonly #client: CarriedClient;
  readonly #reader: FrameReader;

  /** reader: the client's. */
  constructor(client: CarriedClient, reader: FrameReader) {
    this.#client = client;
    this.#reader = reader;
  }

  /** Before a statement ------------------------------------------------------------------------------------------------ */

  /** The message under the cursor waits until the server's session is right; one that only opens a transaction goes along. */
  prepareForMessage(): void {
    const { sharesSession, isListening, reclaimed, pool } = this.#client;
    const reader = this.#reader;
    const mayOpen = sharesSession && reclaimed === null && pool!.settings.pool_mode === 'transaction';
    const opens = mayOpen && !isListening && reader.unreadBytes === 0 && onlyOpensTransaction(reader);
    reader.again();
    this.prepare(opens);
  }

  /** Makes the server's session the client's: one round trip when something differs. opens: together with the BEGIN under the cursor. */
  prepare(opens = false): void {
    const client = this.#client;
    const server = client.server!;
    const wanted = client.parameters;
    if (client.dedicated !== null || server.isFitFor(client, wanted)) {
      this.#prepared(server);
      return;
    }
    const sql = difference(server.parameters, wanted, server.isTainted);
    const statements = statementsToPrepare(server.parameters, wanted);
    if (client.stage !== 'welcome') client.stage = 'preparing';
    client.pool!.stats.preparationCount += 1;
    if (opens) server.stream.gather();
    server.ask(sql, (error) => {
      if (error === null) server.wasPrepared(wanted);
      else server.suspect |= Suspect.Parameter | Suspect.Prepare; // how far did it come?
      // The client left meanwhile; the server is its pool's.
      if (client.server !== server) return;
      if (error !== null) this.#failed(error);
      else if (client.stage === 'welcome') this.#learn(server);
      else {
        if (client.stage === 'opening') this.#reader.next(); // the BEGIN, which is answered
        this.#prepared(server);
      }
    });
    for (const statement of statements) server.attempt(statement);
    if (opens) this.#open(server);
  }

  /** Sends BEGIN behind the difference. If that fails, the server swallows the answer: nobody is in a transaction of the wrong session. */
  #open(server: Server): void {
    server.isUntouched = true;
    if (this.#client.sendOpening(server)) this.#client.stage = 'opening';
    server.stream.flush();
  }

  /** Startup parameters that this pool has not seen: how does Postgres write them? */
  #learn(server: Server): void {
    const client = this.#client;
    const pool = client.pool!;
    server.suspect |= Suspect.Parameter;
    for (const name of client.parameters.entries.keys()) pool.customNames.readValue(name);
    pool.inspect(server, (error) => {
      if (client.server !== server) return;
      if (error === null) this.#prepared(server);
      else this.#failed(error);
    });
  }

  #prepared(server: Server): void {
    const client = this.#client;
    if (client.stage === 'welcome') {
      if (client.dedicated === null) {
        client.pool!.reports.learn(client.parameters, new Map(server.reported), server.parameters);
        client.parameters = server.parameters;
        client.session = new SessionKeeper(server.parameters);
      }
      client.welcome(parameterStatuses(server.reported));
    } else if (client.reclaimed !== null) {
      this.#enterFailed(server);
      return;
    } else client.stage = 'relay';
    client.onPrepared();
  }

  /** The transaction that was rolled back goes on as one that has failed: Postgres itself answers from here on. */
  #enterFailed(server: Server): void {
    const client = this.#client;
    client.stage = 'preparing';
    server.ask(ENTER_FAILED, (error) => {
      if (client.server !== server) return;
      if (server.txStatus !== TxStatus.Failed) {
        client.close('session_not_prepared', poolerError('internal_error', error?.message ?? 'no failed transaction'));
        return;
      }
      client.reclaimed = null;
      client.stage = 'relay';
      server.xactStartedAt = server.activeAt;
      client.onPrepared();
    });
  }

  #failed(error: ErrorFields): void {
    this.#client.close('session_not_prepared', asFatal(error), error.message);
  }

  /** Behind a statement ------------------------------------------------------------------------------------------------ */

  /** The transaction is over, and something in it may have changed the session. */
  inspect(server: Server): void {
    const client = this.#client;
    client.stage = 'inspecting';
    client.pool!.inspect(server, (error) => {
      if (client.server !== server) return;
      client.stage = 'relay';
      if (error !== null) {
        this.#failed(error);
        return;
      }
      client.parameters = client.session.expected(server.parameters);
      if (!client.parameters.equals(server.parameters)) {
        this.#restore(server);
        return;
      }
      server.sayReady();
      client.onServerReady();
    });
  }

  /** What it asked for at its login was reset: it is told what holds now. */
  #restore(server: Server): void {
    const client = this.#client;
    const wanted = client.parameters;
    client.stage = 'inspecting';
    server.ask(
      difference(server.parameters, wanted),
      (error) => {
        if (error === null) {
          server.wasPrepared(wanted);
          server.suspect = Suspect.None; // what it reported was ours
        } else server.suspect |= Suspect.Parameter;
        if (client.server !== server) return;
        client.stage = 'relay';
        server.sayReady();
        if (error === null) client.onServerReady();
        else this.#failed(error);
      },
      null,
      true,
    );
  }

  /**
   * A RESET is answered. It went to the server's default, the client's own is what it asked for at its login: set again inside
   * the transaction, if one is open; else the inspection finds it gone. True: the client waits for that.
   */
  afterReset(server: Server): boolean {
    const client = this.#client;
    const sql = client.session.takeRestore();
    if (sql !== null && server.txStatus === TxStatus.Transaction) {
      client.stage = 'inspecting';
      const restored = () => {
        if (client.server !== server) return;
        client.stage = 'relay';
        server.sayReady();
        client.onServerProgress();
      };
      server.ask(sql, restored, null, true);
      return true;
    }
    if (sql !== null && server.isSettled && server.suspect !== Suspect.None && !client.isLeaving) {
      this.inspect(server);
      return true;
    }
    server.sayReady();
    return false;
  }
}
