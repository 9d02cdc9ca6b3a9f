import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { dumpAll } from '../fixtures/postgres-dumps.ts';
import { startPostgres, startStandby } from '../servers/postgres.ts';

test('a standby can be dumped: rows are counted, unlogged tables are said to be empty', async () => {
  const primary = await startPostgres({ config: { wal_level: 'replica', max_wal_senders: '4' } });
  try {
    await primary.psql(
      'postgres',
      'CREATE TABLE t AS SELECT generate_series(1, 10); CREATE UNLOGGED TABLE gone AS SELECT 1;',
    );
    const standby = await startStandby(primary);
    try {
      for (let rows = 0; rows === 0;) {
        rows = (await standby.query('postgres', "SELECT FROM pg_class WHERE relname = 'gone'")).length;
        await delay(20);
      }
      for (const format of ['plain', 'custom'] as const) {
        const [dump] = await dumpAll({ url: standby.url(), format });
        assert.deepEqual(dump!.details.rowCounts, { 'public.t': 10 });
        assert.match(dump!.details.notes!.join(), /standby: unlogged tables are empty/);
      }
    } finally {
      await standby.stop('immediate');
    }
  } finally {
    await primary.stop('immediate');
  }
});
