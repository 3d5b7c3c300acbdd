// What a statement of the console comes to.

export interface Answer {
  /** Whole messages that go before everything else. */
  readonly notices: readonly Buffer[];
  /** Values as texts. */
  readonly rows: readonly (readonly (string | null)[])[];
  readonly tag: string;
}
