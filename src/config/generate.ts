// The texts that are made from the settings table and committed: a test compares them, `npm run generate` writes them.
import { generateDocs } from './generate-docs.ts';
import { generateExample } from './generate-example.ts';
import { generateSchema } from './generate-schema.ts';

/** Path from the root of the repository to the text that belongs there. */
export function generatedFiles(): ReadonlyMap<string, string> {
  return new Map([
    ['config.example.yaml', generateExample()],
    ['config.schema.json', generateSchema()],
    ['docs/settings.md', generateDocs()],
  ]);
}
