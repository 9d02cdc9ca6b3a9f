import assert from 'node:assert/strict';
import { it } from 'node:test';

import { systemClock } from '../../base/clock.ts';
import { hasCode } from '../../base/errors.ts';
import type { ObjectStore } from '../../store/index.ts';
import type { SourceEntry } from '../../source/index.ts';
import type { RestorePoint } from '../vault.ts';
import { type KeptEntry, readBack, sampleBytes, sampleFile, sampleRoot } from './sample-entries.ts';
import {
  assertSound,
  bytesOf,
  type Fresh,
  keysIn,
  newPoint,
  type OpenTestVault,
  smallTree,
  sourceNamed,
  type VaultKind,
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

interface Damaged {
  readonly store: ObjectStore;
  readonly open: OpenTestVault;
  readonly kind: VaultKind;
  readonly point: RestorePoint;
  /** What was written. */
  readonly kept: readonly KeptEntry[];
}

/**
 * A vault that deduplicates reads only what it needs: what is beside it may be damaged, and is for verifying to find. It
 * never gives other bytes than those that were written.
 */
async function assertDamageIsFound({ store, open, kind, point, kept }: Damaged, what: string): Promise<void> {
  const [read] = await Promise.allSettled([readBack(open(store, systemClock), point)]);
  if (read.status === 'rejected') assert.ok(hasCode(read.reason, ...damageCodes), `${what}: ${String(read.reason)}`);
  else if (kind.deduplicates) assert.deepEqual(read.value, kept, what);
  else assert.fail(`${what}: it was read as if it were sound`);
  const vault = open(store, systemClock);
  assert.notDeepEqual(await vault.verify(point, { readData: true, signal: never }), [], what);
}

/** The keys of what holds the restore point, what opens the vault left out; the contents' alone where that is one object. */
async function keysOf({ store, kind }: Pick<Damaged, 'store' | 'kind'>, source = 'data'): Promise<string[]> {
  const keys = await keysIn(store);
  if (kind.deduplicates) return keys.filter((key) => /^(?:data|snapshots|index)\//.test(key));
  return keys.filter((key) => key.includes(source) && !key.endsWith('.manifest.json')).slice(0, 1);
}

/** What becomes of a restore point whose bytes are no longer what was written. */
export function describeDamage(fresh: Fresh, { open, kind }: Pick<Damaged, 'open' | 'kind'>): void {
  const writeSample = async (entries: readonly SourceEntry[]): Promise<Damaged> => {
    const { store, vault } = fresh();
    const point = await writeTree(vault, newPoint(), { entries: [...entries] });
    return { store, open, kind, point, kept: await readBack(vault, point) };
  };

  it('finds a changed byte wherever it is before reading ends', async () => {
    const sample = await writeSample([sampleRoot, sampleFile('f', sampleBytes(30_000))]);
    const { store } = sample;
    for (const key of kind.deduplicates ? await keysOf(sample) : await keysIn(store)) {
      const bytes = await bytesOf(store, key);
      const step = Math.max(1, Math.floor(bytes.length / (kind.deduplicates ? 8 : 40)));
      const ends = [0, 1, 9, 10, 17, 19, 20, bytes.length - 9, bytes.length - 5, bytes.length - 2];
      const places = new Set(kind.deduplicates ? [0, bytes.length - 40, bytes.length - 2] : ends);
      for (let place = 0; place < bytes.length; place += step) places.add(place);
      for (const place of places) {
        const damaged = Buffer.from(bytes);
        damaged[place] = (damaged[place] ?? 0) ^ 0x04;
        await store.put(key, damaged);
        await assertDamageIsFound(sample, `${key} at ${place}`);
      }
      await store.put(key, bytes);
    }
    await assertSound(open(store, systemClock));
  });

  it('finds bytes that are cut off, added or gone', async () => {
    const sample = await writeSample(smallTree(1));
    const { store, point } = sample;
    for (const key of await keysOf(sample)) {
      const bytes = await bytesOf(store, key);
      for (const length of [0, 1, bytes.length - 1]) {
        await store.put(key, bytes.subarray(0, length));
        await assertDamageIsFound(sample, `${key} cut to ${length}`);
        const vault = open(store, systemClock);
        assert.notDeepEqual(await vault.verify(point, { readData: false, signal: never }), [], `${key} to ${length}`);
      }
      await store.put(key, Buffer.concat([bytes, Buffer.from([0])]));
      await assertDamageIsFound(sample, `${key} and one more byte`);
      await store.delete([key]);
      await assertGone(sample, key);
      await store.put(key, bytes);
    }
    await assertSound(open(store, systemClock));
  });

  it("finds another restore point's bytes in the place of its own", async () => {
    const sample = await writeSample(smallTree(1));
    const { store } = sample;
    const mine = await keysOf(sample);
    await writeTree(open(store, systemClock), newPoint({ source: sourceNamed('two') }), { entries: smallTree(2) });
    const theirs = (await keysOf(sample, 'two')).filter((key) => !mine.includes(key));
    for (const key of mine) {
      const bytes = await bytesOf(store, key);
      for (const other of theirs) {
        await store.put(key, await bytesOf(store, other));
        await assertDamageIsFound(sample, `${other} in the place of ${key}`);
      }
      await store.put(key, bytes);
    }
  });
}

/** Where what makes a restore point visible is gone, there is none. */
async function assertGone(sample: Damaged, key: string): Promise<void> {
  if (!key.startsWith('snapshots/')) return assertDamageIsFound(sample, `${key} deleted`);
  const vault = sample.open(sample.store, systemClock);
  assert.deepEqual(await vault.list({ signal: never }), []);
  await assert.rejects(readBack(vault, sample.point), { code: 'vault/not-found' });
}
