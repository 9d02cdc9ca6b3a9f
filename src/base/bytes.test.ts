import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { collect, formatBytes, GiB, KiB, MiB, rechunk } from './bytes.ts';

async function* from(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

const chunkLists = fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 20 });

test('rechunk keeps every byte in its place, in blocks of the size, only the last one shorter and none empty', async () => {
  await fc.assert(
    fc.asyncProperty(chunkLists, fc.integer({ min: 1, max: 64 }), async (chunks, size) => {
      const blocks = await Array.fromAsync(rechunk(from(chunks), size));
      assert.deepEqual(Buffer.concat(blocks), Buffer.concat(chunks));
      assert.ok(blocks.slice(0, -1).every((block) => block.length === size));
      const last = blocks.at(-1);
      assert.ok(last === undefined || (last.length > 0 && last.length <= size));
    }),
  );
});

test('a block that rechunk has given out is never written again', async () => {
  const blocks: Uint8Array[] = [];
  const copies: Buffer[] = [];
  for await (const block of rechunk(from([Buffer.from('abcdefgh')]), 3)) {
    blocks.push(block);
    copies.push(Buffer.from(block));
  }
  assert.deepEqual(blocks.map(String), copies.map(String));
});

test('collect gives all bytes up to the limit and refuses one more', async () => {
  await fc.assert(
    fc.asyncProperty(chunkLists, async (chunks) => {
      const all = Buffer.concat(chunks);
      assert.deepEqual(await collect(from(chunks), all.length), all);
      if (all.length > 0) await assert.rejects(collect(from(chunks), all.length - 1), RangeError);
    }),
  );
});

test('formatBytes shows a size in the unit that fits', () => {
  const shown = [0, 1023, KiB, 1.5 * MiB, 1.24 * GiB, 2 ** 60].map(formatBytes);
  assert.deepEqual(shown, ['0 B', '1023 B', '1.00 KiB', '1.50 MiB', '1.24 GiB', '1024.00 PiB']);
});
