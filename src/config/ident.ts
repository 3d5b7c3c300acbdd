// auth_ident_file: which names in certificates may log in as whom, in the syntax of pg_ident.conf. Postgres: parse_ident_line (hba.c).

import { patternOf } from './hba.ts';
import { type LineProblem, type Token, tokenLines } from './hba-lines.ts';

/** The name in the certificate: a text, or a pattern. */
export type SystemName = { readonly name: string } | { readonly pattern: RegExp };

export interface IdentLine {
  readonly map: string;
  readonly system: SystemName;
  /** \1 in a text is what the pattern's first pair of parentheses has found. null: whoever. */
  readonly user: string | RegExp | null;
}

export function readIdent(text: string, file: string, problems: LineProblem[]): IdentLine[] {
  const found: IdentLine[] = [];
  for (const { line, fields } of tokenLines(text, file, problems)) {
    const tell = (message: string) => problems.push({ file, line, message });
    const [map, system, user, ...more] = fields.map((field) => (field.length === 1 ? field[0]! : null));
    if (map == null || system == null || user == null || more.length > 0) {
      tell('expected a map, a name in the certificate and a user, one value each');
    } else if (!user.isQuoted && user.text.startsWith('+')) {
      tell(`${user.text}: only Postgres knows who is a member of a role`);
    } else {
      const name = systemName(system.text);
      const mapped = userName(user);
      if (typeof name === 'string') tell(name);
      else if (typeof mapped === 'object' && mapped !== null && 'problem' in mapped) tell(mapped.problem);
      else found.push({ map: map.text, system: name, user: mapped });
    }
  }
  return found;
}

function systemName(text: string): SystemName | string {
  if (!text.startsWith('/')) return { name: text };
  const pattern = patternOf(text.slice(1));
  return typeof pattern === 'string' ? pattern : { pattern };
}

/** What \1 brings in is compared as it is, never as a pattern: it comes from a certificate. */
function userName({ text, isQuoted }: Token): string | RegExp | null | { readonly problem: string } {
  if (!isQuoted && text === 'all') return null;
  if (!text.startsWith('/') || text.includes('\\1')) return text;
  const pattern = patternOf(text.slice(1));
  return typeof pattern === 'string' ? { problem: pattern } : pattern;
}
