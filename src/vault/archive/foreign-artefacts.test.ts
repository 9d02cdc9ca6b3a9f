import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/log.ts';
import { MemoryStore } from '../../store/index.ts';
import { newPoint, smallTree, writeTree } from '../testing/vault-testing.ts';
import { ArchiveVault } from './archive-vault.ts';

const { signal } = new AbortController();
const startedAt = new Date('2026-03-01T02:03:04Z');

interface Found {
  readonly key: string;
  readonly startedAt: string;
}

/** What is found under a layout among the objects `keys`, after a run of ours. */
async function foreign(layout: string, keys: readonly string[], timezone = 'UTC'): Promise<Found[]> {
  const store = new MemoryStore(systemClock);
  for (const key of keys) await store.put(key, Buffer.from('theirs'));
  const options = { name: 'main', store, clock: systemClock, logger: silentLogger };
  const vault = new ArchiveVault({ type: 'archive', layout, timezone, pruneForeign: true }, options);
  for (const at of [new Date('2026-02-02T00:00:00Z'), startedAt])
    await writeTree(vault, newPoint({ startedAt: at }), { entries: smallTree(1) });
  const made = (await vault.list({ signal })).at(-1);
  assert.ok(made);
  const found = await vault.listForeign([made], signal);
  assert.ok(found.every(({ status, storedBytes }) => status === 'partial' && storedBytes === 6));
  await vault.forget(found, signal);
  const left = (await Array.fromAsync(store.list({ signal }))).map(({ key }) => key);
  const ours = (await vault.list({ signal })).flatMap((point) => point.keys);
  assert.equal(ours.length, 4);
  const theirs = keys.filter((key) => !found.some((point) => point.keys[0] === key));
  assert.deepEqual(left, [...theirs, ...ours].sort());
  return found.map((point) => ({ key: point.keys[0] ?? '', startedAt: point.startedAt.toISOString() }));
}

test('what another program left under names of the layout is found by the date in them, sealed or not, and nothing else', async () => {
  const theirs = ['backup_20260101_000000.tar.gz', 'backup_20260228_235959.tar.gz.enc'];
  const others = [
    'backup_20260101_000000.sql.gz',
    'backup_20260101_000000.tar',
    'backup_20260101_000000.tar.gz.old',
    'backup_20260132_000000.tar.gz',
    'backup_20260301_020304.tar.gz.enc', // no older than ours
    'backup_20270101_000000.tar.gz',
    'backup_20260103_000000.tar.gz', // somebody writes it
    'backup_20260103_000000.tar.gz.pending.json',
    'backupX20260101_000000.tar.gz',
    'my/backup_20260101_000000.tar.gz',
  ];
  assert.deepEqual(await foreign('backup_{date}_{time}', [...theirs, ...others].sort()), [
    { key: theirs[0], startedAt: '2026-01-01T00:00:00.000Z' },
    { key: theirs[1], startedAt: '2026-02-28T23:59:59.000Z' },
  ]);
});

test('a name that says the date twice says the same twice, and dates are those of the vault’s zone', async () => {
  const keys = [
    '20260101_000000/data_20260101_000000.tar.gz',
    '20260101_000000/data_20260102_000000.tar.gz',
    '20260101_000000/other_20260101_000000.tar.gz',
  ];
  assert.deepEqual(await foreign('{date}_{time}/{source}_{date}_{time}', keys, 'America/Sao_Paulo'), [
    { key: keys[0], startedAt: '2026-01-01T03:00:00.000Z' },
  ]);
  const key = 'nightly/20260101T000000Z/data.tar.gz';
  assert.deepEqual(await foreign('{job}/{timestamp}/{source}', [key], 'America/Sao_Paulo'), [
    { key, startedAt: '2026-01-01T00:00:00.000Z' },
  ]);
});

test('a layout that names each run is nobody else’s, and a vault that was not told looks for none', async () => {
  assert.deepEqual(await foreign('{timestamp}-{run}', ['20260101T000000Z-12345678.tar.gz']), []);
  const store = new MemoryStore(systemClock);
  await store.put('20260101T000000Z.tar.gz', Buffer.from('theirs'));
  const options = { name: 'main', store, clock: systemClock, logger: silentLogger };
  const vault = new ArchiveVault({ type: 'archive', layout: '{timestamp}' }, options);
  const made = await writeTree(vault, newPoint({ startedAt }), { entries: smallTree(1) });
  assert.deepEqual(await vault.listForeign([made], signal), []);
});
