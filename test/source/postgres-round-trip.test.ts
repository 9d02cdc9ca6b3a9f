import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/log.ts';
import { restoreDatabase } from '../../src/source/postgres/index.ts';
import { dumpAll, inChunks, type KeptDump } from '../fixtures/postgres-dumps.ts';
import { fillServer, fingerprint, fingerprintDatabase, fixtureDatabases } from '../fixtures/postgres-fixture.ts';
import { type PostgresServer, runWithInput, startPostgres } from '../servers/postgres.ts';

const signal = new AbortController().signal;

function restore(dump: KeptDump, url: string, binDirs: readonly string[] = []) {
  const { rowCounts } = dump.details;
  const expected = rowCounts ? { expectedRowCounts: rowCounts } : {};
  const options = { url, binDirs, originalName: dump.name, overwrite: false, ...expected };
  return restoreDatabase(inChunks(dump.bytes), { ...options, signal, logger: silentLogger, clock: systemClock });
}

/** A URL by the socket, which trusts us whatever passwords the restored globals bring. */
function socketUrl({ socketDir, port }: PostgresServer): string {
  return `postgres://postgres@${encodeURIComponent(socketDir)}:${port}`;
}

const patterns = ['*', '!postgres'];

describe('a server that was dumped and restored', () => {
  let origin: PostgresServer;
  let original: Awaited<ReturnType<typeof fingerprint>>;
  before(async () => {
    origin = await startPostgres();
    await fillServer(origin);
    original = await fingerprint(origin);
  });
  after(() => origin.stop('immediate'));

  for (const format of ['plain', 'custom'] as const) {
    test(`is the same in another server (${format}): globals, definitions, rows, large objects`, async () => {
      const dumps = await dumpAll({ url: origin.url(), databases: patterns, format });
      assert.deepEqual(dumps.map(({ name }) => name).sort(), ['globals', ...fixtureDatabases].sort());
      const other = await startPostgres();
      try {
        for (const dump of dumps) await restore(dump, socketUrl(other));
        assert.deepEqual(await fingerprint(other), original);
      } finally {
        await other.stop('immediate');
      }
    });
  }

  test('opens without us: psql loads the plain dump, pg_restore the custom one, into any database', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'hf-judge-'));
    try {
      const [plain] = await dumpAll({ url: origin.url('shop') });
      const [custom] = await dumpAll({ url: origin.url('shop'), format: 'custom' });
      await writeFile(path.join(folder, 'shop.sql'), plain!.bytes);
      await writeFile(path.join(folder, 'shop.dump'), custom!.bytes);
      await origin.psql(
        'postgres',
        'CREATE DATABASE by_psql TEMPLATE template0; CREATE DATABASE by_restore TEMPLATE template0',
      );
      await origin.psql('by_psql', '', ['-f', path.join(folder, 'shop.sql')]);
      const args = [
        '--exit-on-error',
        '-h',
        origin.socketDir,
        '-p',
        String(origin.port),
        '-U',
        'postgres',
        '-d',
        'by_restore',
      ];
      const judged = await runWithInput(path.join(origin.binDir, 'pg_restore'), [
        ...args,
        path.join(folder, 'shop.dump'),
      ]);
      assert.equal(judged.status, 0, judged.stderr);
      for (const name of ['by_psql', 'by_restore']) {
        const copy = await fingerprintDatabase(origin, name);
        assert.deepEqual(copy.tables, original.databases['shop']!.tables);
        assert.equal(copy.largeObjects, original.databases['shop']!.largeObjects);
      }
    } finally {
      await origin.psql('postgres', 'DROP DATABASE IF EXISTS by_psql; DROP DATABASE IF EXISTS by_restore');
      await rm(folder, { recursive: true });
    }
  });

  test('says of each table how many rows its dump holds', async () => {
    const [dump] = await dumpAll({ url: origin.url('shop') });
    const counts = dump!.details.rowCounts!;
    assert.equal(counts['public.customers'], 1000);
    assert.equal(counts['"odd schema"."-dash"'], 3);
    assert.equal(counts['public.parent_things'], 1);
    const parts = Object.entries(counts).filter(([name]) => name.startsWith('public.orders_'));
    assert.equal(
      parts.reduce((sum, [, count]) => sum + count, 0),
      5000,
    );
    assert.equal(dump!.details.serverVersion?.split('.')[0], '15');
  });
});

describe('newer servers', () => {
  for (const version of [17, 18] as const) {
    test(`of version ${version} come back the same, and take what version 15 dumped`, async () => {
      const origin = await startPostgres({ version });
      const older = await startPostgres();
      const other = await startPostgres({ version });
      const upgraded = await startPostgres({ version });
      try {
        for (const server of [origin, older]) await fillServer(server);
        for (const format of ['plain', 'custom'] as const) {
          const binDirs = [origin.binDir];
          const dumps = await dumpAll({ url: origin.url(), databases: patterns, format, binDirs });
          if (format === 'plain') {
            for (const dump of dumps) await restore(dump, socketUrl(other), binDirs);
            assert.deepEqual(await fingerprint(other), await fingerprint(origin));
          } else {
            const shop = dumps.find(({ name }) => name === 'shop');
            await restore(shop!, other.url('shop_again'), binDirs);
            const { tables, largeObjects, sequences } = await fingerprintDatabase(origin, 'shop');
            const copy = await fingerprintDatabase(other, 'shop_again');
            assert.deepEqual([copy.tables, copy.largeObjects, copy.sequences], [tables, largeObjects, sequences]);
          }
        }
        for (const dump of await dumpAll({ url: older.url(), databases: patterns })) {
          await restore(dump, socketUrl(upgraded), [upgraded.binDir]);
        }
        for (const name of fixtureDatabases) {
          const { tables, largeObjects } = await fingerprintDatabase(upgraded, name);
          const before = await fingerprintDatabase(older, name);
          assert.deepEqual({ tables, largeObjects }, { tables: before.tables, largeObjects: before.largeObjects });
        }
      } finally {
        await Promise.all([origin, older, other, upgraded].map((server) => server.stop('immediate')));
      }
    });
  }
});
