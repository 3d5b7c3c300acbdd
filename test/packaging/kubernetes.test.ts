// The manifests of docker/kubernetes: valid for Kubernetes' own schemas, shut where they should be, and with a configuration that pgsluice takes.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Deployment } from 'kubernetes-models/apps/v1/Deployment';
import { Job } from 'kubernetes-models/batch/v1/Job';
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap';
import type { IContainer } from 'kubernetes-models/v1/Container';
import type { IPodSpec } from 'kubernetes-models/v1/PodSpec';
import { Secret } from 'kubernetes-models/v1/Secret';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { parseConfig } from '../../src/config/load.ts';
import { typeProblems } from './unknown-fields.ts';

const FOLDER = fileURLToPath(new URL('../../docker/kubernetes/', import.meta.url));
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith('.yaml'));

type Manifest = Deployment | Job | ConfigMap | Secret;

/** A document with Kubernetes' schema behind it: validate() throws. */
function modelOf(tree: { kind?: string; apiVersion?: string }): Manifest {
  const models = [Deployment, Job, ConfigMap, Secret];
  const Model = models.find(({ kind, apiVersion }) => kind === tree.kind && apiVersion === tree.apiVersion);
  if (Model === undefined) throw new Error(`${tree.apiVersion} ${tree.kind} has no schema here`);
  return new Model(tree as never);
}

// biome-ignore lint/suspicious/noExplicitAny: what a file holds is what the tests find out.
function treesOf(file: string): any[] {
  return parseAllDocuments(readFileSync(FOLDER + file, 'utf8')).map((document) => {
    expect([file, document.errors]).toEqual([file, []]);
    return document.toJS();
  });
}

const manifestsOf = (file: string): Manifest[] => treesOf(file).map(modelOf);

const configMap = manifestsOf('config.yaml').find((one) => one instanceof ConfigMap)!;
const secret = manifestsOf('config.yaml').find((one) => one instanceof Secret)!;

function settings() {
  const result = parseConfig(configMap.data?.['pgsluice.yaml'] ?? '', { env: { APP_PASSWORD: 'secret' } });
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  expect(result.config.warnings).toEqual([]);
  return result.config.settings;
}

function podOf(file: string): { pod: IPodSpec; sidecar: IContainer } {
  const [one] = manifestsOf(file);
  if (!(one instanceof Deployment || one instanceof Job)) throw new Error(`${file} begins with something else`);
  const pod = one.spec?.template.spec as IPodSpec;
  const sidecar = [...(pod.initContainers ?? []), ...pod.containers].find(({ name }) => name === 'pgsluice');
  return { pod, sidecar: sidecar! };
}

test.each(FILES)('%s is valid for the schemas of Kubernetes', (file) => {
  for (const one of manifestsOf(file)) expect(() => one.validate()).not.toThrow();
});

test('no manifest has a field that Kubernetes does not know', () => {
  expect(typeProblems(FILES.flatMap(treesOf))).toEqual([]);
});

test('a wrong type and a misspelt field are noticed', () => {
  const [wrong] = treesOf('sidecar.yaml');
  wrong.spec.replicas = 'two';
  expect(() => modelOf(wrong).validate()).toThrow(/replicas/);
  const [misspelt] = treesOf('sidecar.yaml');
  misspelt.spec.template.spec.initContainers[0].readinesProbe = {};
  expect(typeProblems([misspelt])).toEqual([expect.stringMatching(/readinesProbe.* does not exist/)]);
});

test('the configuration in the ConfigMap has no problem and no warning', () => {
  expect(settings().listen_addr).toEqual(['127.0.0.1']);
});

describe.each(FILES.filter((file) => file !== 'config.yaml'))('%s', (file) => {
  test('runs as an ordinary user, on a root that is only read, without a right', () => {
    const { pod, sidecar } = podOf(file);
    expect(pod.automountServiceAccountToken).toBe(false);
    expect(sidecar.securityContext).toMatchObject({
      runAsNonRoot: true,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    });
    for (const { readOnly } of sidecar.volumeMounts ?? []) expect(readOnly).toBe(true);
  });

  test('is asked at the port of health_listen_addr, which the probes name', () => {
    const { sidecar } = podOf(file);
    const { health_listen_addr, health_listen_port } = settings();
    expect(health_listen_addr).not.toBe('127.0.0.1');
    expect(sidecar.ports).toEqual([{ name: 'health', containerPort: health_listen_port }]);
    const paths = [sidecar.startupProbe, sidecar.livenessProbe, sidecar.readinessProbe].map((probe) => probe?.httpGet);
    expect(paths[0]).toEqual({ path: '/startupz', port: 'health' });
    expect(paths[1]).toEqual({ path: '/healthz', port: 'health' });
    if (paths[2] !== undefined) expect(paths[2]).toEqual({ path: '/readyz', port: 'health' });
  });

  test('has more time to end than shutdown_timeout takes', () => {
    const graceMs = (podOf(file).pod.terminationGracePeriodSeconds ?? 30) * 1000;
    expect(graceMs).toBeGreaterThan(settings().shutdown_timeout);
  });

  test('mounts and names only what config.yaml makes', () => {
    const { pod, sidecar } = podOf(file);
    const maps = (pod.volumes ?? []).map((volume) => volume.configMap?.name);
    expect(maps).toEqual([configMap.metadata?.name]);
    for (const container of [sidecar, ...pod.containers]) {
      for (const { valueFrom } of container.env ?? []) {
        const ref = valueFrom?.secretKeyRef;
        if (ref === undefined) continue;
        expect(ref.name).toBe(secret.metadata?.name);
        expect(Object.keys(secret.stringData ?? {})).toContain(ref.key);
      }
    }
  });

  test('limits memory, and the CPU not', () => {
    const { limits, requests } = podOf(file).sidecar.resources ?? {};
    expect(Object.keys(limits ?? {})).toEqual(['memory']);
    expect(Object.keys(requests ?? {}).sort()).toEqual(['cpu', 'memory']);
  });
});

test.each(['sidecar.yaml', 'job.yaml'])('in %s pgsluice starts before the application and ends after it', (file) => {
  const { pod } = podOf(file);
  expect(pod.initContainers?.map(({ name, restartPolicy }) => [name, restartPolicy])).toEqual([['pgsluice', 'Always']]);
  expect(pod.containers.map(({ name }) => name)).toEqual(['app']);
});
