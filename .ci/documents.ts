// Every text that is made from the code and committed: a test compares them, `npm run generate` writes them.
import { generatedFiles } from '../src/config/generate.ts';
import { openApiDocument } from '../src/http/openapi.ts';
import { generateErrors } from './errors.ts';
import { generateLifecycle } from './lifecycle.ts';

/** Path from the root of the repository to the text that belongs there. */
export function generatedDocuments(root: string): ReadonlyMap<string, string> {
  return new Map([
    ...generatedFiles(),
    ['docs/errors.md', generateErrors()],
    ['docs/lifecycle.md', generateLifecycle(root)],
    ['docs/openapi.json', `${JSON.stringify(openApiDocument(), null, 2)}\n`],
  ]);
}
