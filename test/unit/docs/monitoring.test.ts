// The alerts and the dashboard in docker/ speak of metrics that are served and of headings that exist, and promtool agrees with the alerts.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { needTool } from '../../support/tools.ts';
import { root, servedMetrics } from './files.ts';

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

const folder = join(root, 'docker/prometheus');
const text = (file: string) => readFileSync(join(root, file), 'utf8');
const rules = (parse(text('docker/prometheus/alerts.yaml')) as { groups: { rules: Rule[] }[] }).groups.flatMap(
  ({ rules }) => rules,
);

/** Names of metrics in an expression, without what a histogram adds to its own. */
function metricsIn(expression: string): string[] {
  const names = expression.match(/\bpgsluice_\w+/g) ?? [];
  return names.map((name) => name.replace(/_(?:bucket|sum|count)$/, ''));
}

test.each(rules)(
  '$alert has a severity, a text, and a page in docs/operations.md',
  ({ alert, labels, annotations }) => {
    expect(['warning', 'critical']).toContain(labels.severity);
    expect(annotations.summary).toMatch(/\$labels\.instance/);
    expect(annotations.description).toMatch(/\.$/);
    expect(annotations.runbook).toBe(`docs/operations.md#${alert.toLowerCase()}`);
    expect(text('docs/operations.md')).toContain(`\n### ${alert}\n`);
  },
);

test('every page is that of an alert', () => {
  const pages = [...text('docs/operations.md').matchAll(/^### (Pgsluice\w+)$/gm)].map(([, name]) => name);
  expect(pages).toEqual(rules.map(({ alert }) => alert));
});

test('every alert is tested', () => {
  const tests = text('docker/prometheus/alerts.test.yaml');
  for (const { alert } of rules) expect(tests).toContain(alert);
});

describe('metrics', async () => {
  const served = new Set(await servedMetrics());

  test('the alerts speak of metrics that are served', () => {
    for (const { expr } of rules) for (const name of metricsIn(expr)) expect(served).toContain(name);
  });

  test('the dashboard speaks of metrics that are served, and asks for each with its variables', () => {
    const { panels } = JSON.parse(text('docker/grafana/dashboards/pgsluice.json')) as {
      panels: { title: string; targets: { expr: string }[] }[];
    };
    const expressions = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
    expect(expressions.length).toBeGreaterThan(20);
    for (const expression of expressions) {
      for (const name of metricsIn(expression)) expect(served).toContain(name);
      for (const [, labels] of expression.matchAll(/(?:pgsluice|process)_\w+\{([^}]*)\}/g))
        expect(labels).toContain('instance=~"$instance"');
    }
  });
});

test('panels of the dashboard do not lie on each other', () => {
  const { panels } = JSON.parse(text('docker/grafana/dashboards/pgsluice.json')) as {
    panels: { gridPos: { x: number; y: number; w: number; h: number } }[];
  };
  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
  );
  expect(new Set(cells).size).toBe(cells.length);
});

test('compose mounts folders that exist', () => {
  const { services } = parse(text('docker/compose.yaml')) as { services: Record<string, { volumes?: string[] }> };
  const mounted = Object.values(services).flatMap(({ volumes = [] }) =>
    volumes.filter((volume) => volume.startsWith('./')),
  );
  expect(mounted.length).toBeGreaterThan(3);
  for (const volume of mounted) {
    const path = volume.slice(2).split(':')[0]!;
    expect(readdirSync(join(root, 'docker', path, '..'))).toContain(path.split('/').at(-1));
  }
});

test('promtool finds nothing wrong with the alerts and the configuration, and the tests of the alerts pass', (context) => {
  const promtool = needTool(context, 'promtool');
  for (const what of ['check rules alerts.yaml', 'check config prometheus.yaml', 'test rules alerts.test.yaml'])
    expect(() => execFileSync(promtool, what.split(' '), { cwd: folder, stdio: 'pipe' })).not.toThrow();
});
