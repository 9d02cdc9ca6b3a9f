import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/log.ts';
import { MemoryStore } from '../../store/index.ts';
import { readBack, sampleBytes, sampleFile, sampleRoot } from '../testing/sample-entries.ts';
import { newPoint, writeTree } from '../testing/vault-testing.ts';
import { RepositoryVault } from './index.ts';

const kdf = { N: 1024, r: 8, p: 1 };

test('a folder that could not be read is kept as the restore point before has it', async () => {
  const store = new MemoryStore(systemClock);
  const vault = new RepositoryVault(
    { type: 'repository', password: 'correct horse' },
    { name: 'test', store, clock: systemClock, logger: silentLogger, kdf },
  );
  const folder = { ...sampleRoot, path: Buffer.from('disk') };
  const file = sampleFile('disk/photo', sampleBytes(70_000));
  const first = await writeTree(vault, newPoint(), { entries: [sampleRoot, folder, file] });
  const unread = { ...folder, unread: true as const };
  const other = sampleFile('other', sampleBytes(10));
  const second = await writeTree(vault, newPoint(), { entries: [sampleRoot, unread, other] });
  const before = await readBack(vault, first);
  const after = await readBack(vault, second);
  assert.deepEqual(after.slice(0, -1), before);
  assert.equal(after.at(-1)?.path.toString(), 'other');
  await vault.close();
});
