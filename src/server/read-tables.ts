// Which of a server's messages are read, in each part of its life. The others are relayed in the pieces that they come in.

import { holdEverything, holdTable } from '../protocol/frame-reader.ts';
import { Backend } from '../protocol/message-types.ts';

/** Postgres: authentication and startup messages are small; PgBouncer takes at most 64 kB too. */
export const LOGIN_TABLE = holdEverything(65_536);
/** What is read on the way: status, parameters, errors, descriptions. A larger one is relayed unread. */
export const RELAY_TABLE = holdTable(
  [
    Backend.ReadyForQuery,
    Backend.ParameterStatus,
    Backend.ErrorResponse,
    Backend.ParameterDescription,
    Backend.RowDescription,
    Backend.NotificationResponse,
  ],
  65_536,
);

/** Rows of an answer to us are read whole. */
export const ANSWER_TABLE = holdTable(
  [
    Backend.ReadyForQuery,
    Backend.ParameterStatus,
    Backend.ErrorResponse,
    Backend.DataRow,
    Backend.NotificationResponse,
  ],
  1_048_576,
);
