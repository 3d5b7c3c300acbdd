// Expands ${NAME} in the texts of a configuration from the environment, after the YAML was parsed: a value can't add keys.

/** Where values come from, and how many characters the expansions of one file may still add. */
export interface Expander {
  readonly env: Readonly<Record<string, string | undefined>>;
  budget: number;
}

/** All expansions of one file together. One variable may be named a hundred thousand times in 1 MB. */
export const MAX_EXPANDED = 4_194_304;

const reference = /\$\$\{|\$\{([^}]*)\}?/g;
const variableName = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** The text with every ${NAME} replaced; `$${` stands for a literal `${`. Values are not expanded again. Faults name variables, not values. */
export function expandVariables(text: string, expander: Expander): { text: string; faults: readonly string[] } {
  if (!text.includes('${')) return { text, faults: [] };
  const faults: string[] = [];
  const expanded = text.replace(reference, (whole: string, name: string | undefined) => {
    if (name === undefined) return '${';
    if (!whole.endsWith('}') || !variableName.test(name)) {
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the notation that the message is about
      faults.push('${ must be followed by the name of a variable and }; a literal ${ is written $${');
      return '';
    }
    const value = Object.hasOwn(expander.env, name) ? expander.env[name] : undefined;
    if (value === undefined) {
      faults.push(`the environment variable ${name} is not set`);
      return '';
    }
    expander.budget -= value.length;
    if (expander.budget < 0) {
      if (faults.length === 0) faults.push('the expanded variables are too long');
      return '';
    }
    return value;
  });
  return { text: expanded, faults };
}
