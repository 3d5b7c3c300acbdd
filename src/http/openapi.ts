// The OpenAPI document of /api/v1, made from specs.ts. docs/openapi.json is what it says.

import { z } from 'zod';
import * as shapes from './shapes.ts';
import { SPECS, type Spec } from './specs.ts';

const problems: Readonly<Record<string, string>> = {
  '400': 'A parameter or the body is not what it has to be.',
  '401': 'A token is needed.',
  '403': 'Not from here: see http_read_token and http_action_token.',
  '404': 'There is no such thing.',
  '409': 'It is not in a state for that.',
  '503': 'Too many streams.',
};

function schemaOf(shape: z.ZodType): object {
  const { $schema, ...schema } = z.toJSONSchema(shape, { target: 'draft-2020-12' });
  return schema;
}

function parametersOf({ query }: Spec): object[] {
  return Object.entries(query?.properties ?? {}).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query',
    description,
    schema,
  }));
}

function problemsOf(spec: Spec): string[] {
  if (spec.isStream) return ['400', '401', '403', '503'];
  return spec.access === 'act' ? ['400', '401', '403', '404', '409'] : ['400', '401', '403', '404'];
}

function operationOf(name: string, spec: Spec): object {
  const media = spec.isStream ? 'text/event-stream' : 'application/json';
  const answer = { description: spec.summary, content: { [media]: { schema: schemaOf(spec.answer) } } };
  const problem = { 'application/json': { schema: { $ref: '#/components/schemas/Problem' } } };
  return {
    operationId: name,
    summary: spec.summary,
    tags: [spec.access === 'act' ? 'actions' : 'reads'],
    security: spec.access === 'act' ? [{ actionToken: [] }] : [{}, { readToken: [] }, { actionToken: [] }],
    ...(spec.query !== undefined && { parameters: parametersOf(spec) }),
    ...(spec.body !== undefined && {
      requestBody: { required: true, content: { 'application/json': { schema: schemaOf(spec.body) } } },
    }),
    responses: {
      '200': answer,
      ...Object.fromEntries(problemsOf(spec).map((code) => [code, { description: problems[code], content: problem }])),
    },
  };
}

export function openApiDocument(): object {
  const paths = Object.fromEntries(
    Object.entries(SPECS as Record<string, Spec>).map(([name, spec]) => [
      spec.path,
      { [spec.method.toLowerCase()]: operationOf(name, spec) },
    ]),
  );
  const token = (setting: string) => ({ type: 'http', scheme: 'bearer', description: `The value of ${setting}.` });
  return {
    openapi: '3.1.0',
    info: {
      title: 'pgsluice',
      version: '1',
      description:
        'What pgsluice shows and does over HTTP, on http_listen_addr. On a loopback address reads need a token only where http_read_token is set; actions always need http_action_token.',
      license: { name: 'MIT' },
    },
    servers: [{ url: 'http://127.0.0.1:6480' }],
    paths,
    components: {
      schemas: { Problem: schemaOf(shapes.problem) },
      securitySchemes: { readToken: token('http_read_token'), actionToken: token('http_action_token') },
    },
  };
}
