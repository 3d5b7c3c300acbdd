# pgsluice as a sidecar image: compiled sources and runtime dependencies on node:24-slim, nothing else.
FROM node:24-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
# The install scripts belong to development tools (an embedded Postgres, a second Node): the image needs none.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN node node_modules/typescript/bin/tsc -p tsconfig.build.json

FROM node:24-slim AS dependencies
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund && npm cache clean --force

FROM node:24-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=dependencies /build/node_modules ./node_modules
COPY --from=build /build/dist ./dist
COPY dashboard ./dashboard
COPY package.json ./
USER node
EXPOSE 6432 6480
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:6480/healthz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Exec form: signals reach the pooler, which is process 1. USR1 pauses it and must not open Node's debugger.
ENTRYPOINT ["node", "--disable-sigusr1", "/app/dist/cli/pgsluice.js"]
CMD ["run", "--config", "/etc/pgsluice/pgsluice.yaml"]
