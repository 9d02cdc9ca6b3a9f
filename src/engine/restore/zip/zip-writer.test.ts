import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasCode } from '../../../base/errors.ts';
import type { SourceEntry } from '../../../source/index.ts';
import { ZipWriter } from './zip-writer.ts';
import { type ZipLimits, zipLimits } from './zip-records.ts';

const facts = { mode: 0o644, uid: 0, gid: 0, mtimeNs: 1_600_000_000_000_000_000n };
const { signal } = new AbortController();

const fileOf = (name: string, content: Uint8Array, sizeBytes = content.length): SourceEntry => ({
  ...facts,
  path: Buffer.from(name),
  type: 'file',
  sizeBytes,
  async *open() {
    yield content;
  },
});

async function zipOf(entries: readonly SourceEntry[], limits: ZipLimits = zipLimits): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const zip = new ZipWriter(async (bytes) => void chunks.push(Buffer.from(bytes)), limits);
  for (const entry of entries) await zip.add(entry, signal);
  await zip.end();
  return Buffer.concat(chunks);
}

test('a zip without members is one end of a directory', async () => {
  assert.equal((await zipOf([])).toString('hex'), `504b0506${'00'.repeat(18)}`);
});

test('from as many members on as 16 bits do not count they are counted in 64', async () => {
  for (const count of [2, 3, 4]) {
    const entries = Array.from({ length: count }, (_, at) => fileOf(`file-${at}`, Buffer.alloc(at)));
    const zip = await zipOf(entries, { ...zipLimits, entries: 3 });
    const end = zip.subarray(-22);
    assert.equal(end.readUInt32LE(0), 0x0605_4b50);
    assert.equal(end.readUInt16LE(10), count < 3 ? count : 0xffff);
    const largeEnd = zip.subarray(-22 - 20 - 56);
    assert.equal(largeEnd.readUInt32LE(0) === 0x0606_4b50, count >= 3);
    if (count >= 3) assert.equal(largeEnd.readBigUInt64LE(32), BigInt(count));
  }
});

test('a content of another length than the entry says fails, as does a path that is too long', async () => {
  for (const said of [2, 4])
    await assert.rejects(zipOf([fileOf('a', Buffer.from('abc'), said)]), (error) => hasCode(error, 'vault/wrong-size'));
  const { sizeBytes, ...unknown } = fileOf('a', Buffer.from('abc'));
  assert.equal(sizeBytes, 3);
  await assert.rejects(zipOf([unknown]), (error) => hasCode(error, 'vault/wrong-size'));
  await zipOf([fileOf('n'.repeat(65_535), Buffer.alloc(0))]);
  await assert.rejects(zipOf([fileOf('n'.repeat(65_536), Buffer.alloc(0))]), (error) =>
    hasCode(error, 'vault/bad-name'),
  );
});
