// The Docker API that the container tests need, and what they start on it: the image, Postgres, pgsluice.
import { execFile } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  GenericContainer,
  getContainerRuntimeClient,
  type StartedNetwork,
  type StartedTestContainer,
  Wait,
} from 'testcontainers';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const USER = 'app';
export const PASSWORD = 'a secret for one test';
export const PORTS = { clients: 6432, http: 6480, health: 6481 } as const;

/** Why no container can be started here; null: one can. */
export async function engineProblem(): Promise<string | null> {
  try {
    await getContainerRuntimeClient();
    return null;
  } catch (error) {
    const [line] = (error instanceof Error ? error.message : String(error)).split('\n');
    return `docker: no Docker API answers (${line})`;
  }
}

/** The image of this checkout; PGSLUICE_IMAGE names one that was built already, where a build finds no network. */
export async function pgsluiceImage(): Promise<string> {
  const built = process.env.PGSLUICE_IMAGE;
  if (built) return built;
  await promisify(execFile)('docker', ['build', '--quiet', '--tag', 'pgsluice:test', ROOT]);
  return 'pgsluice:test';
}

export interface Server {
  readonly cert: string;
  readonly key: string;
}

/** Postgres with SCRAM, known to its network as `postgres`; over TLS when it has a certificate. */
export function startPostgres(network: StartedNetwork, tls: Server | null = null): Promise<StartedTestContainer> {
  const container = new GenericContainer('postgres:18')
    .withNetwork(network)
    .withNetworkAliases('postgres')
    .withEnvironment({ POSTGRES_USER: USER, POSTGRES_PASSWORD: PASSWORD, POSTGRES_DB: USER })
    .withHealthCheck({
      test: ['CMD-SHELL', `pg_isready -q -h 127.0.0.1 -U ${USER} -d ${USER}`],
      interval: 1000,
      timeout: 3000,
      retries: 60,
    })
    .withWaitStrategy(Wait.forHealthCheck());
  if (tls === null) return container.start();
  // The server's own user has to own its key: a script of the image's first start is run by it.
  const script = [
    'cp /tmp/tls/server.crt /tmp/tls/server.key "$PGDATA"/',
    'chmod 600 "$PGDATA"/server.key',
    `echo "ssl = on" >> "$PGDATA"/postgresql.conf`,
  ].join('\n');
  return container
    .withCopyContentToContainer([
      { content: tls.cert, target: '/tmp/tls/server.crt', mode: 0o644 },
      { content: tls.key, target: '/tmp/tls/server.key', mode: 0o644 },
      { content: script, target: '/docker-entrypoint-initdb.d/tls.sh', mode: 0o644 },
    ])
    .start();
}

export interface PoolerWishes {
  readonly image: string;
  readonly network: StartedNetwork;
  /** Names in /etc/pgsluice to content; pgsluice.yaml is the configuration. */
  readonly files: Readonly<Record<string, string>>;
}

/** pgsluice as the manifests run it: an ordinary user without rights, on a root file system that is only read. */
export function startPooler({ image, network, files }: PoolerWishes): Promise<StartedTestContainer> {
  // Mounted as a ConfigMap is: nothing can be copied onto a root that is only read.
  const source = temporaryDirectory();
  chmodSync(source, 0o755);
  for (const [name, content] of Object.entries(files)) writeFileSync(join(source, name), content, { mode: 0o644 });
  return new ReadOnlyContainer(image)
    .withNetwork(network)
    .withEnvironment({ APP_PASSWORD: PASSWORD })
    .withBindMounts([{ source, target: '/etc/pgsluice', mode: 'ro' }])
    .withExposedPorts(...Object.values(PORTS))
    .withDroppedCapabilities('ALL')
    .withSecurityOpt('no-new-privileges')
    .withWaitStrategy(Wait.forHealthCheck())
    .start();
}

/** `docker run --read-only`, which testcontainers has no word for. */
class ReadOnlyContainer extends GenericContainer {
  constructor(image: string) {
    super(image);
    this.hostConfig.ReadonlyRootfs = true;
  }
}

/** SIGTERM, and how process 1 ended. */
export async function terminate(container: StartedTestContainer): Promise<{ code: number; tookMs: number }> {
  const { container: containers } = await getContainerRuntimeClient();
  const one = containers.getById(container.getId());
  const started = performance.now();
  const ended = one.wait();
  await one.kill({ signal: 'SIGTERM' });
  const { StatusCode } = await ended;
  return { code: StatusCode, tookMs: performance.now() - started };
}

/** What the engine itself knows of a container. */
export async function inspect(container: StartedTestContainer) {
  const { container: containers } = await getContainerRuntimeClient();
  return containers.inspect(containers.getById(container.getId()));
}
