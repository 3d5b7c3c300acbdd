// `npm run generate`: writes the texts that are made from the code. Unit tests tell when they are out of date.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { generatedDocuments } from './documents.ts';

const root = join(import.meta.dirname, '..');
for (const [path, text] of generatedDocuments(root)) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
  process.stdout.write(`${path}\n`);
}
