// For `prisma generate`: the client that workloads/prisma.ts uses is made from schema.prisma.
import { defineConfig } from 'prisma/config';

export default defineConfig({ schema: 'schema.prisma' });
