// A refusal of the console, with its SQLSTATE.

export class ConsoleError extends Error {
  readonly sqlstate: string;
  readonly hint: string | undefined;

  constructor(sqlstate: string, message: string, hint?: string) {
    super(message);
    this.sqlstate = sqlstate;
    this.hint = hint;
  }
}
