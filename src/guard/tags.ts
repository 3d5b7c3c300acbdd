// What an application says of a statement in a comment (sqlcommenter).

export interface StatementTags {
  readonly traceparent?: string;
  readonly route?: string;
  readonly controller?: string;
  readonly action?: string;
  readonly file?: string;
}

const NONE: StatementTags = Object.freeze({});

export function statementTags(_bytes: Buffer): StatementTags {
  return NONE;
}
