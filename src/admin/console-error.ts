// A refusal of the console, with its SQLSTATE. Differs from PgBouncer, whose console has 08P01 for each: to drivers that is a broken connection.

export interface MoreWords {
  readonly detail?: string;
  readonly hint?: string;
}

export class ConsoleError extends Error {
  readonly sqlstate: string;
  readonly more: MoreWords;

  constructor(sqlstate: string, message: string, more: MoreWords = {}) {
    super(message);
    this.sqlstate = sqlstate;
    this.more = more;
  }
}
