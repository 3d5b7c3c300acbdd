// A terminal that is painted over and over without flicker: only lines that changed are written, in one piece.

const ESC = '\x1b[';
/** Another screen, without a cursor, no line breaks at its edge. */
const ENTER = `${ESC}?1049h${ESC}?25l${ESC}?7l${ESC}2J`;
const LEAVE = `${ESC}?7h${ESC}?25h${ESC}?1049l`;
/** Terminals that know it show what is between the two at once; others ignore it. */
const [BEGIN, END] = [`${ESC}?2026h`, `${ESC}?2026l`];

export interface Output {
  write(text: string): unknown;
}

/** A line, and what it looks like. Texts must be harmless and fit the width. */
export interface Line {
  readonly text: string;
  readonly look?: 'title' | 'head' | 'alarm' | 'dim';
}

const LOOKS = { title: '1', head: '7', alarm: '31;1', dim: '2' } as const;

export class Screen {
  readonly #out: Output;
  readonly #isColoured: boolean;
  #painted: readonly string[] = [];
  #isEntered = false;

  constructor(out: Output, isColoured: boolean) {
    this.#out = out;
    this.#isColoured = isColoured;
  }

  enter(): void {
    this.#isEntered = true;
    this.#painted = [];
    this.#out.write(ENTER);
  }

  /** Gives the terminal back as it was; safe to call again. */
  leave(): void {
    if (!this.#isEntered) return;
    this.#isEntered = false;
    this.#out.write(LEAVE);
  }

  /** The size has changed: what stands there is worth nothing. */
  forget(): void {
    this.#painted = [];
    this.#out.write(`${ESC}2J`);
  }

  paint(lines: readonly Line[]): void {
    const next = lines.map((line) => this.#dressed(line));
    let text = '';
    for (let i = 0; i < Math.max(next.length, this.#painted.length); i += 1) {
      if (next[i] === this.#painted[i]) continue;
      // Cleared behind the text, not before it: that would flicker.
      text += `${ESC}${i + 1};1H${next[i] ?? ''}${ESC}K`;
    }
    this.#painted = next;
    if (text !== '') this.#out.write(BEGIN + text + END);
  }

  #dressed({ text, look }: Line): string {
    if (look === undefined || !this.#isColoured) return text;
    return `${ESC}${LOOKS[look]}m${text}${ESC}0m`;
  }
}
