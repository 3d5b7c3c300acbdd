// The dashboard: its few files are read once and served from memory. They hold no data, so nobody needs a token for them.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance } from 'fastify';

/** Beside src/ in a checkout, and beside dist/ in the package. */
const FOLDER = new URL('../../dashboard/', import.meta.url);

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

interface Asset {
  readonly path: string;
  readonly type: string;
  readonly body: Buffer;
  readonly etag: string;
}

function asset(path: string, file: string): Asset {
  const body = readFileSync(file);
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
  return { path, type: TYPES[extname(file)]!, body, etag };
}

/** By the package's own names: its folder may be anywhere above. */
function ofPackage(specifier: string): string {
  return fileURLToPath(import.meta.resolve(specifier));
}

function assets(): Asset[] {
  const own = readdirSync(FOLDER)
    .filter((name) => Object.hasOwn(TYPES, extname(name)))
    .map((name) => asset(name === 'index.html' ? '/' : `/${name}`, fileURLToPath(new URL(name, FOLDER))));
  return [
    ...own,
    asset('/vendor/uplot.js', ofPackage('uplot/dist/uPlot.esm.js')),
    asset('/vendor/uplot.css', ofPackage('uplot/dist/uPlot.min.css')),
  ];
}

export function addPage(server: FastifyInstance): void {
  for (const { path, type, body, etag } of assets()) {
    server.get(path, (request, reply) => {
      reply.header('cache-control', 'no-cache').header('etag', etag);
      if (request.headers['if-none-match'] === etag) return reply.code(304).send();
      return reply.type(type).send(body);
    });
  }
}
