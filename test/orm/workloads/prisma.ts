// Prisma 7 with its adapter for node-postgres; the client is generated from schema.prisma.
import { PrismaPg } from '@prisma/adapter-pg';
import { type Prisma, PrismaClient } from '../generated/prisma/client.ts';
import { must, Rollback, SETTINGS_SQL, seenBefore, type Target, toItem, urlOf, type Workload } from '../workload.ts';

export async function open(target: Target, connections: number): Promise<Workload> {
  const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: urlOf(target), max: connections }) });

  async function insertAndRead(on: Prisma.TransactionClient, token: string) {
    await on.item.create({ data: { token, note: token } });
    return toItem(await on.item.findUnique({ where: { token } }));
  }

  return {
    echo: async (value) => {
      const [row] = await prisma.$queryRaw<{ value: string }[]>`SELECT ${value}::text AS value`;
      return must(row).value;
    },
    select: async (token) => toItem(await prisma.item.findUnique({ where: { token } })),
    insert: async (token, note) => must(toItem(await prisma.item.create({ data: { token, note } }))),
    update: async (token, note) => {
      const data = { note, amount: { increment: 1 } };
      return must(toItem(await prisma.item.update({ where: { token }, data })));
    },
    batch: async (tokens) => {
      const rows = tokens.map((token) => prisma.item.create({ data: { token, note: token } }));
      return (await prisma.$transaction(rows)).map((row) => row.token);
    },
    commit: (own, token) =>
      prisma.$transaction(async (tx) => {
        const seen = await insertAndRead(tx, token);
        await tx.item.update({ where: { token: own }, data: { amount: { increment: 1 } } });
        return seen;
      }),
    rollback: (token) =>
      seenBefore(
        prisma.$transaction(async (tx) => {
          throw new Rollback(await insertAndRead(tx, token));
        }),
      ),
    conflictInTransaction: (token, taken) =>
      prisma.$transaction(async (tx) => {
        await insertAndRead(tx, token);
        await insertAndRead(tx, taken);
      }),
    isolation: () =>
      prisma.$transaction(
        async (tx) => {
          const [row] = await tx.$queryRaw<{ transaction_isolation: string }[]>`SHOW transaction_isolation`;
          return must(row).transaction_isolation;
        },
        { isolationLevel: 'Serializable' },
      ),
    settings: async () => {
      const [row] = await prisma.$queryRawUnsafe<{ settings: string }[]>(SETTINGS_SQL);
      return must(row).settings;
    },
    close: () => prisma.$disconnect(),
  };
}
