// What the documents point to is there: files, headings, npm scripts, settings, dependencies; and their YAML is a configuration.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { parseConfig } from '../../../src/config/load.ts';
import { documents, root } from './files.ts';

const all = documents();
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
};

/** As GitHub makes anchors of headings. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}

describe.each([...all])('%s', (path, text) => {
  test('links to files and headings that exist', () => {
    for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      const [file = '', anchor] = target.split('#');
      const linked = file === '' ? path : join(dirname(path), file);
      expect(existsSync(join(root, linked)), target).toBe(true);
      if (anchor !== undefined) expect(anchorsOf(all.get(linked) ?? ''), target).toContain(anchor);
    }
  });

  test('names files of the repository that exist', () => {
    for (const [, file = ''] of text.matchAll(/`((?:src|test|docs|docker|\.ci)\/[\w./-]+)`/g)) {
      expect(existsSync(join(root, file)), file).toBe(true);
    }
  });

  test('names npm scripts that exist', () => {
    for (const [, script = ''] of text.matchAll(/npm run ([\w:]+)/g)) expect(manifest.scripts).toHaveProperty([script]);
  });

  test('shows configurations that can be used', () => {
    for (const [, yaml = ''] of text.matchAll(/```yaml\n( *# pgsluice\.yaml\n.*?)```/gs)) {
      const result = parseConfig(yaml, { env: { APP_PASSWORD: 'x' } });
      expect(result.ok ? result.config.warnings : result.problems).toEqual([]);
    }
  });

  test('shows YAML that can be read', () => {
    for (const [, yaml = ''] of text.matchAll(/```yaml\n(.*?)```/gs)) expect(parse(yaml)).toBeTypeOf('object');
  });
});

test('docs/architecture.md gives a reason for every dependency', () => {
  const text = all.get('docs/architecture.md') ?? '';
  for (const name of Object.keys({ ...manifest.dependencies, ...manifest.devDependencies })) {
    expect(text).toMatch(new RegExp(`^\\|.*\`${name}\``, 'm'));
  }
});
