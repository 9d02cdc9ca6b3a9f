import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KiB } from '../../../base/bytes.ts';
import { systemClock } from '../../../base/clock.ts';
import { hasCode } from '../../../base/errors.ts';
import { silentLogger } from '../../../base/log.ts';
import { FaultyStore } from '../../../store/testing/faulty-store.ts';
import { sampleFile, sampleRoot } from '../../testing/sample-entries.ts';
import { keysIn, newPoint, writeTree } from '../../testing/vault-testing.ts';
import { RepositoryVault } from '../index.ts';
import { KeptRepository } from '../testing/kept-repository.ts';
import { randomStream } from '../testing/sample-stream.ts';
import { packDigest } from '../threads/pack-digest.ts';

const { signal } = new AbortController();
const kept = new KeptRepository();
const entries = [
  sampleRoot,
  ...Array.from({ length: 300 }, (_, n) => sampleFile(`f${1000 + n}`, randomStream(n, 100 * KiB))),
];
const skip = !packDigest && 'no digest can be made in steps here';

/** A repository's store, and a vault on it. */
async function openVault() {
  await kept.vault.open(signal, true);
  const store = await kept.copy();
  const faulty = new FaultyStore(store);
  const spec = { type: 'repository', password: 'correct horse', packSizeMiB: 16 } as const;
  const vault = new RepositoryVault(spec, { name: 'test', store: faulty, clock: systemClock, logger: silentLogger });
  return { store, faulty, vault };
}

describe('a pack that is sent while it fills', { skip }, () => {
  it('is whole under its name', async () => {
    const { faulty, vault } = await openVault();
    const point = await writeTree(vault, newPoint(), { entries });
    assert.ok((faulty.calls.get('putPart') ?? 0) >= 16, 'most was sent in parts');
    assert.deepEqual(await vault.verify(point, { readData: true, signal }), []);
    await vault.close();
  });

  for (const method of ['startUpload', 'putPart', 'complete'] as const)
    it(`leaves nothing, and no snapshot, where the store fails (${method})`, async () => {
      const { store, faulty, vault } = await openVault();
      const before = await keysIn(store);
      faulty.fail(method, ...(method === 'putPart' ? Array.from({ length: 6 }, () => ({ error: null })) : []), {});
      await assert.rejects(writeTree(vault, newPoint(), { entries }), (error) => hasCode(error, 'store/unavailable'));
      faulty.assertAllUsed();
      const left = (await keysIn(store)).filter((key) => !before.includes(key));
      assert.ok(left.every((key) => /^(data|index)\//.test(key)));
      assert.equal(await store.sweep(new Date(Date.now() + 3_600_000)), 0);
      await vault.close();
    });
});
