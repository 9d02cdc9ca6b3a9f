import assert from 'node:assert/strict';
import { it } from 'node:test';

import { hasCode } from '../../base/errors.ts';
import type { ObjectStore } from '../../store/index.ts';
import type { RestorePoint, Vault } from '../vault.ts';
import { readBack, sampleBytes, sampleFile, sampleRoot } from './sample-entries.ts';
import {
  assertSound,
  bytesOf,
  type Fresh,
  keysIn,
  newPoint,
  smallTree,
  sourceNamed,
  writeTree,
} from './vault-testing.ts';

const never = new AbortController().signal;

const damageCodes = [
  'vault/corrupt',
  'vault/truncated',
  'vault/wrong-size',
  'vault/wrong-key',
  'vault/missing-object',
  'vault/bad-manifest',
  'vault/newer-format',
];

async function assertDamageIsFound(vault: Vault, point: RestorePoint, what: string): Promise<void> {
  await assert.rejects(readBack(vault, point), (error) => {
    assert.ok(hasCode(error, ...damageCodes), `${what}: ${String(error)}`);
    return true;
  });
  assert.notDeepEqual(await vault.verify(point, { readData: true, signal: never }), [], what);
}

/** The key of what holds the contents of a source, where there is one such object. */
async function contentKeyOf(store: ObjectStore, source = 'data'): Promise<string> {
  const found = (await keysIn(store)).find((key) => key.includes(source) && !key.endsWith('.manifest.json'));
  return found ?? assert.fail(`nothing holds ${source}`);
}

/** What becomes of a restore point whose bytes are no longer what was written. */
export function describeDamage(fresh: Fresh): void {
  it('finds a changed byte wherever it is before reading ends', async () => {
    const { store, vault } = fresh();
    const point = await writeTree(vault, newPoint(), { entries: [sampleRoot, sampleFile('f', sampleBytes(30_000))] });
    for (const key of await keysIn(store)) {
      const bytes = await bytesOf(store, key);
      const step = Math.max(1, Math.floor(bytes.length / 40));
      const places = new Set([0, 1, 9, 10, 17, 19, 20, bytes.length - 9, bytes.length - 5, bytes.length - 2]);
      for (let place = 0; place < bytes.length; place += step) places.add(place);
      for (const place of places) {
        const damaged = Buffer.from(bytes);
        damaged[place] = (damaged[place] ?? 0) ^ 0x04;
        await store.put(key, damaged);
        await assertDamageIsFound(vault, point, `${key} at ${place}`);
      }
      await store.put(key, bytes);
    }
    await assertSound(vault);
  });

  it('finds bytes that are cut off, added or gone', async () => {
    const { store, vault } = fresh();
    const point = await writeTree(vault, newPoint(), { entries: smallTree(1) });
    const key = await contentKeyOf(store);
    const bytes = await bytesOf(store, key);
    for (const length of [0, 1, bytes.length - 1]) {
      await store.put(key, bytes.subarray(0, length));
      await assertDamageIsFound(vault, point, `cut to ${length}`);
      assert.notDeepEqual(await vault.verify(point, { readData: false, signal: never }), []);
    }
    await store.put(key, Buffer.concat([bytes, Buffer.from([0])]));
    await assertDamageIsFound(vault, point, 'one more byte');
    await store.delete([key]);
    await assertDamageIsFound(vault, point, 'deleted');
  });

  it("finds another restore point's bytes in the place of its own", async () => {
    const { store, vault } = fresh();
    const one = await writeTree(vault, newPoint(), { entries: smallTree(1) });
    const key = await contentKeyOf(store);
    await writeTree(vault, newPoint({ source: sourceNamed('two') }), { entries: smallTree(2) });
    await store.put(key, await bytesOf(store, await contentKeyOf(store, 'two')));
    await assertDamageIsFound(vault, one, 'swapped');
  });
}
