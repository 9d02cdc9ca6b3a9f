import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { MiB } from '../../../base/bytes.ts';
import { FaultyStore } from '../../../store/testing/faulty-store.ts';
import { newPoint, writeTree } from '../../testing/vault-testing.ts';
import { sampleFile, sampleRoot } from '../../testing/sample-entries.ts';
import { KeptRepository } from '../testing/kept-repository.ts';
import { randomStream } from '../testing/sample-stream.ts';
import type { Repository } from '../repository.ts';
import { BlobReader } from './blob-reader.ts';

const { signal } = new AbortController();
const kept = new KeptRepository();

/** Names of data blobs of one pack, one behind the other. */
function neighbours({ index }: Repository, count: number): string[] {
  for (let pack = 0; pack < index.packCount; pack += 1) {
    const { from, to } = index.entriesOf(pack);
    const entries = Array.from({ length: to - from }, (_, at) => from + at).filter((at) => index.typeOf(at) === 'data');
    if (entries.length < count) continue;
    const inOrder = entries.toSorted((a, b) => index.offsetOf(a) - index.offsetOf(b));
    return inOrder.slice(0, count).map((entry) => index.blobOf(entry).id.toString('hex'));
  }
  throw new Error(`no pack has ${count} data blobs`);
}

describe('data blobs that are read in one request', () => {
  before(async () => {
    const files = Array.from({ length: 60 }, (_, at) => sampleFile(`f${at}`, randomStream(at, 20_000)));
    await writeTree(kept.vault, newPoint(), { entries: [sampleRoot, ...files] });
  });

  it('are there as soon as they have come: what breaks the connection later keeps the last ones only', async () => {
    const store = new FaultyStore(await kept.copy());
    const repository = await kept.open(store);
    await repository.loadIndex(signal);
    const reader = new BlobReader(repository, signal);
    store.fail('get', { items: 6 * 20_000 });
    try {
      // Six make a request, and two of them are opened together.
      const wanted = neighbours(repository, 6).map((id) => reader.want(id, 2 * MiB));
      const taken = await Promise.allSettled(wanted.map((blob) => reader.take(blob)));
      assert.deepEqual(
        taken.map((one) => (one.status === 'fulfilled' ? one.value.length : (one.reason as { code: string }).code)),
        [20_000, 20_000, 20_000, 20_000, 'store/unavailable', 'store/unavailable'],
      );
      store.assertAllUsed();
    } finally {
      await reader.close();
    }
  });
});
