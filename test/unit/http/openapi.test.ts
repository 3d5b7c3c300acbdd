// The OpenAPI document and the routes that the server has are the same, in both directions.
import Fastify from 'fastify';
import { expect, test } from 'vitest';
import { addApi } from '../../../src/http/api.ts';
import type { ApiParts } from '../../../src/http/api-parts.ts';
import { openApiDocument } from '../../../src/http/openapi.ts';

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { readonly name: string; readonly schema: object }[];
  readonly requestBody?: object;
  readonly responses: Readonly<
    Record<string, { readonly content: Readonly<Record<string, { readonly schema: object }>> }>
  >;
}

const { paths } = openApiDocument() as { paths: Record<string, Record<string, Operation>> };
const operations = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
);

/** Method and path of every route of the API, with the names of its parameters. */
async function routes(): Promise<string[]> {
  const server = Fastify();
  const found: string[] = [];
  server.addHook('onRoute', ({ method, path, schema }) => {
    const { properties = {} } = (schema?.querystring ?? {}) as { properties?: object };
    if (method !== 'HEAD') found.push(`${String(method)} ${path} ${Object.keys(properties).sort().join()}`);
  });
  addApi(server, {} as ApiParts);
  await server.ready();
  await server.close();
  return found.sort();
}

test('every route is described, and everything described is a route', async () => {
  const described = operations.map(({ path, method, operation }) => {
    const names = (operation.parameters ?? []).map(({ name }) => name).sort();
    return `${method} ${path} ${names.join()}`;
  });
  expect(await routes()).toEqual([...described, 'GET /api/v1/openapi.json '].sort());
});

test('every operation has a name of its own, an answer with a schema, and refusals', () => {
  expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(operations.length);
  for (const { operation, method } of operations) {
    const [media] = Object.values(operation.responses['200']?.content ?? {});
    expect(media?.schema).toMatchObject({ type: 'object', additionalProperties: false });
    expect(operation.responses['401']).toBeDefined();
    expect(operation.requestBody !== undefined).toBe(method === 'POST');
  }
});
