import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import * as fc from 'fast-check';

import type { DataRun, SourceEntry } from '../../../source/index.ts';
import { keep } from '../../testing/sample-entries.ts';
import { ByteReader } from '../byte-reader.ts';
import { decodePax, decodeTime, encodePax, encodeTime, xattrKeyword, xattrNameOf } from './pax.ts';
import { aclText } from './posix-acl.ts';
import { TarReader } from './tar-reader.ts';
import { TarWriter } from './tar-writer.ts';

const never = new AbortController().signal;

async function pack(entries: readonly SourceEntry[]): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const writer = new TarWriter(async (bytes) => void chunks.push(Buffer.from(bytes)));
  for (const entry of entries) await writer.add(entry, never);
  await writer.end();
  return Buffer.concat(chunks);
}

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const readerOf = (bytes: Buffer, pieceSize = 4096): AsyncGenerator<SourceEntry> =>
  new TarReader(new ByteReader(inPieces(bytes, pieceSize))).entries();

const unpack = async (bytes: Buffer, pieceSize?: number): Promise<unknown[]> => {
  const kept: unknown[] = [];
  for await (const entry of readerOf(bytes, pieceSize)) kept.push(await keep(entry));
  return kept;
};

const segment = fc
  .uint8Array({ minLength: 1, maxLength: 120 })
  .map((bytes) => Buffer.from(bytes.map((byte) => (byte === 0 || byte === 0x2f ? 0x78 : byte))))
  .filter((bytes) => !['.', '..'].includes(bytes.toString('latin1')));
const path = fc
  .array(segment, { minLength: 1, maxLength: 4 })
  .map((segments) => Buffer.from(segments.map((part) => part.toString('latin1')).join('/'), 'latin1'));
const owner = fc.oneof(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 2 ** 32 - 1 }));
const metadata = {
  path,
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: owner,
  gid: owner,
  user: fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' }).filter((text) => !text.includes('\0')),
  mtimeNs: fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
  extendedAttributes: fc.uniqueArray(
    fc.record({
      name: fc.string({ minLength: 1, unit: 'grapheme' }).map((text) => `user.${text}`),
      value: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    }),
    { minLength: 1, maxLength: 3, selector: ({ name }) => name },
  ),
};

const file = fc
  .record({ ...metadata, content: fc.uint8Array({ maxLength: 3000 }) })
  .map(({ content, ...entry }): SourceEntry => ({
    ...entry,
    type: 'file',
    sizeBytes: content.length,
    open: () => inPieces(Buffer.from(content), 700),
  }));

const runLengths = fc.array(
  fc.record({ hole: fc.integer({ min: 1, max: 2000 }), data: fc.integer({ min: 1, max: 2000 }) }),
);
const sparse = fc
  .record({ ...metadata, lengths: runLengths, lastHole: fc.integer({ min: 1, max: 3000 }) })
  .map(({ lengths, lastHole, ...entry }): SourceEntry => {
    const dataRuns: DataRun[] = [];
    let end = 0;
    for (const { hole, data } of lengths) {
      dataRuns.push({ offset: end + hole, length: data });
      end += hole + data;
    }
    const content = Buffer.alloc(end + lastHole);
    for (const { offset, length } of dataRuns) content.fill('d', offset, offset + length);
    return { ...entry, type: 'file', sizeBytes: content.length, dataRuns, open: () => inPieces(content, 333) };
  });

const other = fc.oneof(
  fc.record({ ...metadata, type: fc.constantFrom('directory', 'fifo') }),
  fc.record({ ...metadata, type: fc.constant('symlink'), linkTarget: path }),
  fc.record({ ...metadata, type: fc.constantFrom('file', 'symlink', 'fifo', 'chardev', 'blockdev'), hardLinkTo: path }),
  fc.record({
    ...metadata,
    type: fc.constantFrom('chardev', 'blockdev'),
    device: fc.tuple(fc.nat({ max: 4095 }), fc.nat({ max: 1_048_575 })).map(([major, minor]) => ({ major, minor })),
  }),
) as fc.Arbitrary<SourceEntry>;

const entry = (name: string, size: number): SourceEntry => ({
  path: Buffer.from(name),
  type: 'file',
  mode: 0o600,
  uid: 0,
  gid: 0,
  mtimeNs: 0n,
  sizeBytes: size,
  open: () => inPieces(Buffer.alloc(size, 'c'), 100),
});

describe('tar', () => {
  it('gives back any entries, however the bytes are cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(file, sparse, other), { maxLength: 5 }),
        fc.integer({ min: 1, max: 5000 }),
        async (entries, pieceSize) => {
          const packed = await pack(entries);
          assert.equal(packed.length % 10_240, 0);
          assert.deepEqual(await unpack(packed, pieceSize), await Promise.all(entries.map(keep)));
        },
      ),
      { numRuns: 150 },
    );
  });

  it('is found truncated wherever it is cut before its end mark', async () => {
    const packed = await pack([entry('a', 700), entry('b', 0)]);
    for (let length = 0; length < 3072; length += 97) {
      await assert.rejects(unpack(packed.subarray(0, length)), { code: 'vault/truncated' });
    }
  });

  it('is found damaged when any byte of a header is changed', async () => {
    const packed = await pack([entry('a', 0)]);
    for (let place = 0; place < 512; place += 1) {
      const damaged = Buffer.from(packed);
      damaged[place] = (damaged[place] ?? 0) ^ 0x01;
      // Spaces and zeros around the checksum's digits mean the same.
      if (place === 154 || place === 155) continue;
      await assert.rejects(unpack(damaged), { code: 'vault/corrupt' }, `byte ${place}`);
    }
  });

  it('keeps sizes above 8 GiB', async () => {
    const sizeBytes = 9 * 2 ** 30;
    const written: Buffer[] = [];
    const writer = new TarWriter(async (bytes) => void written.push(Buffer.from(bytes)));
    const huge = { ...entry('huge', 0), sizeBytes, open: () => inPieces(Buffer.from('cut'), 3) };
    await assert.rejects(writer.add(huge, never), { code: 'vault/wrong-size' });
    const first = await readerOf(Buffer.concat(written)).next();
    assert.equal(first.value?.sizeBytes, sizeBytes);
  });

  for (const name of ['../x', 'a/../../x', '/etc/passwd']) {
    it(`refuses the name ${name}`, async () => {
      await assert.rejects(unpack(await pack([entry(name, 0)])), { code: 'vault/corrupt' });
    });
  }

  it('reads content lazily and passes over what nobody wants', async () => {
    const packed = await pack([entry('a', 5000), entry('b', 10)]);
    const seen: string[] = [];
    for await (const found of readerOf(packed, 100)) {
      seen.push(found.path.toString());
      // Some of it, then no more.
      if (seen.length === 1 && found.open) for await (const _ of found.open(never)) break;
    }
    assert.deepEqual(seen, ['a', 'b']);
  });
});

describe('pax', () => {
  it('gives back any records', () => {
    const keyword = fc.string({ minLength: 1 }).filter((text) => !/[=\n]/.test(text));
    const value = fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(fc.array(fc.tuple(keyword, value)), (records) => {
        const map = new Map(records);
        assert.deepEqual(decodePax(encodePax(map)), map);
      }),
    );
  });

  it('gives back any time', () => {
    fc.assert(fc.property(fc.bigInt(), (time) => assert.equal(decodeTime(encodeTime(time)), time)));
    assert.equal(encodeTime(-1_500_000_000n), '-1.5');
  });

  it("gives back any attribute's name", () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (name) => {
        assert.ok(!xattrKeyword(name).includes('='));
        assert.equal(xattrNameOf(xattrKeyword(name)), name);
      }),
    );
  });

  for (const bad of ['9 a=b\n', '5 a=b\n', 'x a=b\n', '06 a=b\n', '7 path\n']) {
    it(`refuses the record ${JSON.stringify(bad)}`, () => {
      assert.throws(() => decodePax(Buffer.from(bad)), { code: 'vault/corrupt' });
    });
  }
});

it("shows an access list as GNU tar's text", () => {
  const list = '0200000001000600ffffffff02000700e803000004000500ffffffff10000700ffffffff20000400ffffffff';
  assert.equal(aclText(Buffer.from(list, 'hex')), 'user::rw-,user:1000:rwx,group::r-x,mask::rwx,other::r--');
  assert.equal(aclText(Buffer.from('03000000', 'hex')), undefined);
});
