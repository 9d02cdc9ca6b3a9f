import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { BlobType, PackedBlob } from './format/pack-header.ts';
import { BlobIndex } from './blob-index.ts';

const idOf = (text: string): string => createHash('sha256').update(text).digest('hex');
const bytesOf = (id: string): Buffer => Buffer.from(id, 'hex');

const packs = fc.array(
  fc.array(
    fc.record({
      type: fc.constantFrom<BlobType>('data', 'tree'),
      // Few names, so that one id comes as both types and in several packs.
      id: fc.nat({ max: 60 }).map((name) => idOf(String(name))),
      offset: fc.nat({ max: 2 ** 32 - 1 }),
      length: fc.nat({ max: 2 ** 30 - 1 }),
      compressed: fc.boolean(),
    }),
    { maxLength: 30 },
  ),
  { maxLength: 90 },
);

test('every blob of every pack is found where the index said, and no other', () => {
  fc.assert(
    fc.property(packs, (added) => {
      const index = new BlobIndex();
      const first = new Map<string, PackedBlob & { readonly packId: string }>();
      for (const [number, blobs] of added.entries()) {
        const packId = idOf(`pack ${number}`);
        assert.equal(index.addPack(packId, blobs), number);
        for (const blob of blobs) {
          const key = `${blob.type} ${blob.id}`;
          if (!first.has(key)) first.set(key, { ...blob, packId });
        }
      }
      assert.equal(index.blobCount, added.flat().length);
      for (const [key, { type, id, offset, length, rawLength, packId }] of first) {
        const entry = index.find(type, bytesOf(id));
        assert.deepEqual(index.place(entry), { packId, offset, length, compressed: rawLength !== undefined }, key);
        assert.deepEqual(index.blobOf(entry), { type, id: bytesOf(id), length });
      }
      for (let name = 0; name <= 60; name += 1)
        for (const type of ['data', 'tree'] as const)
          assert.equal(index.has(type, bytesOf(idOf(String(name)))), first.has(`${type} ${idOf(String(name))}`));
    }),
    { numRuns: 60 },
  );
});

test('two million small blobs take less than 48 bytes each', () => {
  const index = new BlobIndex();
  const blobsInPack = 4000;
  const id = Buffer.alloc(32);
  let state = 1;
  const newId = (): Buffer => {
    for (let at = 0; at < 32; at += 4) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
      id.writeInt32LE(Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) ^ (state >>> 12), at);
    }
    return Buffer.from(id);
  };
  while (index.blobCount < 2_000_000) {
    const blobs = Array.from({ length: blobsInPack }, (_, at) => ({
      type: 'data' as const,
      id: newId().toString('hex'),
      offset: at * 4128,
      length: 4128,
    }));
    index.addPack(idOf(String(index.blobCount)), blobs);
    const bytesPerBlob = index.memoryBytes / index.blobCount;
    if (index.blobCount > 200_000) assert.ok(bytesPerBlob < 48, `${bytesPerBlob} at ${index.blobCount}`);
  }
  assert.equal(index.blobCount, 2_000_000);
});
