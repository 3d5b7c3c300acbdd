// Which PostgreSQL major version the tests run against: PGSLUICE_TEST_PG=15, 16, 17 or 18.
export type TestMajor = 15 | 16 | 17 | 18;

export function testMajor(): TestMajor {
  const value = process.env.PGSLUICE_TEST_PG || '18';
  if (!['15', '16', '17', '18'].includes(value))
    throw new Error(`PGSLUICE_TEST_PG is "${value}", not 15, 16, 17 or 18`);
  return Number(value) as TestMajor;
}
