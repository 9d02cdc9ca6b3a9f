import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import zlib from 'node:zlib';
import * as fc from 'fast-check';
import { decodeConfig, encodeConfig } from './config-file.ts';
import { decodeIndex, decodeIndexTable, encodeIndex, encodeLargeIndex, type IndexFile } from './index-file.ts';
import { decodeLock, encodeLock } from './lock-file.ts';
import { decodePackHeader, encodePackHeader, maxPackedBlobs, type PackedBlob, packHeaderBytes } from './pack-header.ts';
import { decodeSnapshot, encodeSnapshot } from './snapshot-file.ts';
import { decodeUnpacked, encodeUnpacked } from './unpacked.ts';
import { compressBlob, decompressBlob } from './zstd.ts';

const corrupt = { code: 'vault/corrupt' };
const idA = 'a1'.repeat(32);
const idB = '0b'.repeat(32);

const id = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('hex'));
const blob = fc.record(
  {
    id,
    type: fc.constantFrom('data' as const, 'tree' as const),
    length: fc.integer({ min: 32, max: 2 ** 23 }),
    rawLength: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
  },
  { requiredKeys: ['id', 'type', 'length'], noNullPrototype: true },
);
/** Blobs as they stand in a pack: without gaps. */
const blobs = fc.array(blob, { minLength: 1, maxLength: 20 }).map((list) => {
  let offset = 0;
  return list.map((one): PackedBlob => {
    const placed = { ...one, offset } as PackedBlob;
    offset += one.length;
    return placed;
  });
});

describe('a pack header', () => {
  it('comes back as it was, in 37 bytes a blob and 41 for a compressed one', () => {
    fc.assert(
      fc.property(blobs, (list) => {
        const header = encodePackHeader(list);
        assert.equal(header.length + 36, packHeaderBytes(list));
        assert.deepEqual(decodePackHeader(header), list);
      }),
    );
  });

  it('has the bytes of the format', () => {
    const plain = { id: idA, type: 'tree', offset: 0, length: 0x01020304 } as const;
    const packed = { id: idB, type: 'data', offset: 0x01020304, length: 5, rawLength: 6 } as const;
    assert.equal(encodePackHeader([plain, packed]).toString('hex'), `0104030201${idA}020500000006000000${idB}`);
  });

  it('is refused when it is cut, empty, or names types that do not exist', () => {
    const header = encodePackHeader([{ id: idA, type: 'data', offset: 0, length: 40, rawLength: 3 }]);
    for (let end = 0; end < header.length; end += 1)
      assert.throws(() => decodePackHeader(header.subarray(0, end)), corrupt);
    header[0] = 4;
    assert.throws(() => decodePackHeader(header), corrupt);
    const large = encodePackHeader([0, 1].map(() => ({ id: idA, type: 'data', offset: 0, length: 2 ** 31 }) as const));
    assert.throws(() => decodePackHeader(large), corrupt);
  });

  it('is never made longer than restic reads', () => {
    const one: PackedBlob = { id: idA, type: 'data', offset: 0, length: 1, rawLength: 1 };
    const full = Array.from({ length: maxPackedBlobs }, () => one);
    assert.ok(encodePackHeader(full).length + 32 <= 16 * 2 ** 20);
    assert.throws(() => encodePackHeader([...full, one]), RangeError);
  });
});

describe('an index', () => {
  const index = fc
    .array(fc.record({ id, blobs }, { noNullPrototype: true }), { maxLength: 5 })
    .map((packs): IndexFile => ({ packs }));

  it('comes back as it was, in any layout of its JSON', () => {
    fc.assert(
      fc.property(index, (file) => {
        const json = encodeIndex(file);
        const counts = { packs: file.packs.length, blobs: file.packs.flatMap((pack) => pack.blobs).length };
        assert.equal(encodeLargeIndex(file.packs, counts).toString(), json);
        assert.deepEqual(decodeIndex(Buffer.from(json)), file);
        const pretty = JSON.stringify(JSON.parse(json), undefined, 2);
        assert.deepEqual(decodeIndex(Buffer.from(pretty)), file);
        assert.deepEqual(
          decodeIndexTable(Buffer.from(pretty)).ids.length,
          decodeIndexTable(Buffer.from(json)).ids.length,
        );
      }),
    );
  });

  it('has its blobs ascending by offset, however they were written', () => {
    const first = { id: idA, type: 'data', offset: 0, length: 40 } as const;
    const second = { id: idB, type: 'tree', offset: 40, length: 50, rawLength: 60 } as const;
    const json = `{"packs":[{"id":"${idA}","blobs":[{"id":"${idA}","type":"data","offset":0,"length":40},{"id":"${idB}","type":"tree","offset":40,"length":50,"uncompressed_length":60}]}]}\n`;
    const ordered = { packs: [{ id: idA, blobs: [first, second] }] };
    assert.equal(encodeIndex({ packs: [{ id: idA, blobs: [second, first] }] }), json);
    const items = json.slice(json.indexOf('"blobs":[') + 9, json.indexOf(']')).split(/(?<=\}),/);
    assert.deepEqual(decodeIndex(Buffer.from(json.replace(items.join(','), items.reverse().join(',')))), ordered);
  });

  it('may name the indexes that it replaces, and no pack at all', () => {
    const file = { supersedes: [idA, idB], packs: [] };
    assert.deepEqual(decodeIndex(Buffer.from(encodeIndex(file))), file);
    assert.deepEqual(decodeIndex(Buffer.from('{"packs":null}')), { packs: [] });
    assert.deepEqual(decodeIndex(Buffer.from(`{"packs":[{"id":"${idA}","blobs":null}]}`)), {
      packs: [{ id: idA, blobs: [] }],
    });
  });

  it('is refused when it is none', () => {
    const json = encodeIndex({ packs: [{ id: idA, blobs: [{ id: idB, type: 'data', offset: 7, length: 40 }] }] });
    const bad = ['', '{}', '[]', '{"packs":[7]}', json.replace(idB, idB.slice(1)), json.replace('"data"', '"blob"')];
    bad.push(json.replace('7', '4294967296'), json.replace('7', '-1'), json.replace('7', '1.5'), json.slice(0, -5));
    bad.push(json.replace('7', '9007199254740993'), json.replace(idA, idA.replaceAll('a', 'g')), `${json}x`);
    for (const text of bad) assert.throws(() => decodeIndex(Buffer.from(text)), corrupt, text);
  });
});

describe('a snapshot', () => {
  const frozen = [
    `{"time":"2023-11-14T23:13:20.123456789+01:00","tree":"${idA}","paths":["/home/a \\u0026 b"],"hostname":"box","username":"kim","uid":1000,"gid":100}`,
    `{"time":"2023-11-14T22:13:20Z","parent":"${idB}","tree":"${idA}","paths":["/a","/b"],"hostname":"box","username":"root","excludes":["*.o"],"tags":["x","y"],"original":"${idB}","program_version":"restic 0.17.3","summary":{"backup_start":"2023-11-14T22:13:20Z","backup_end":"2023-11-14T22:13:21.5Z","files_new":1,"files_changed":2,"files_unmodified":3,"dirs_new":4,"dirs_changed":5,"dirs_unmodified":6,"data_blobs":7,"tree_blobs":8,"data_added":9,"data_added_packed":10,"total_files_processed":11,"total_bytes_processed":12}}`,
    `{"time":"2023-11-14T22:13:20Z","tree":"${idA}","paths":null,"label":"rustic","delete":{"after":[1.0]}}`,
  ];

  it("keeps every byte of restic's JSON, and fields that are not known here", () => {
    for (const json of frozen) {
      const ours = encodeSnapshot(decodeSnapshot(Buffer.from(json)));
      assert.equal(ours, json.replace('"paths":null', '"paths":[]'));
    }
  });

  it('tells all that it holds', () => {
    const { summary, ...rest } = decodeSnapshot(Buffer.from(frozen[1] as string));
    assert.deepEqual(rest, {
      timeNs: 1_700_000_000_000_000_000n,
      parent: idB,
      tree: idA,
      paths: ['/a', '/b'],
      hostname: 'box',
      username: 'root',
      excludes: ['*.o'],
      tags: ['x', 'y'],
      original: idB,
      programVersion: 'restic 0.17.3',
    });
    assert.equal(summary?.backupEndNs, 1_700_000_001_500_000_000n);
    assert.equal(summary?.totalBytesProcessed, 12);
  });

  it('is refused without time or tree', () => {
    const json = frozen[0] as string;
    const bad = ['{}', 'x', json.replace(idA, 'x'), json.replace('"time"', '"t"'), json.replace('1000', '-1')];
    for (const text of bad) assert.throws(() => decodeSnapshot(Buffer.from(text)), corrupt, text);
  });
});

describe('the config', () => {
  const json = `{"version":2,"id":"${idA}","chunker_polynomial":"3abc9bff07d9e5"}`;

  it("keeps every byte of restic's JSON", () => {
    const config = decodeConfig(Buffer.from(json));
    assert.deepEqual(config, { version: 2, id: idA, chunkerPolynomial: 0x3abc9bff07d9e5n });
    assert.equal(encodeConfig(config), json);
  });

  it('is refused when its format is unknown, or a part is missing', () => {
    assert.throws(() => decodeConfig(Buffer.from(json.replace('2', '3'))), { code: 'vault/newer-format' });
    for (const text of ['{}', json.replace('2', '0'), json.replace(idA, ''), json.replace('3abc', 'xyz')])
      assert.throws(() => decodeConfig(Buffer.from(text)), corrupt, text);
  });
});

describe('a lock', () => {
  it("keeps every byte of restic's JSON", () => {
    for (const json of [
      '{"time":"2023-11-14T22:13:20.5Z","exclusive":false,"hostname":"box","username":"root","pid":7}',
      '{"time":"2023-11-14T22:13:20Z","exclusive":true,"hostname":"","username":"k\\u0026m","pid":7,"uid":1000,"gid":100}',
    ])
      assert.equal(encodeLock(decodeLock(Buffer.from(json))), json);
  });

  it('is refused without a time', () => {
    for (const text of ['', '{}', '{"time":"never"}']) assert.throws(() => decodeLock(Buffer.from(text)), corrupt);
  });
});

describe('an unpacked file', () => {
  it('comes back as it was, in both formats', () => {
    fc.assert(
      fc.property(fc.json(), (value) => {
        const json = `[${value}]`;
        for (const version of [1, 2] as const)
          assert.equal(decodeUnpacked(encodeUnpacked(json, version)).toString(), json);
      }),
    );
    assert.equal(encodeUnpacked('{}', 1).toString(), '{}');
    assert.equal(encodeUnpacked('{}', 2).subarray(0, 5).toString('hex'), '0228b52ffd');
  });

  it('is refused when it is neither', () => {
    for (const text of ['', 'x', '\u0001{}', '\u0002', '\u0002{}'])
      assert.throws(() => decodeUnpacked(Buffer.from(text)), corrupt);
  });
});

describe('a compressed blob', () => {
  const content = Buffer.from('some text that repeats, '.repeat(1000));

  it('is one frame that tells its size and has no checksum', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000 }), fc.constantFrom(1, 3, 9), (bytes, level) => {
        const frame = compressBlob(bytes, level);
        const descriptor = frame[4] as number;
        assert.equal(descriptor & 0b100, 0, 'a checksum');
        assert.ok(descriptor >> 6 > 0 || (descriptor & 0b10_0000) > 0, 'a size');
        assert.deepEqual(decompressBlob(frame, bytes.length), Buffer.from(bytes));
        assert.deepEqual(decompressBlob(frame), Buffer.from(bytes));
      }),
    );
  });

  it('may be a frame without a size or with a checksum, as other programs make them', () => {
    const frame = zlib.zstdCompressSync(content, {
      params: { [zlib.constants.ZSTD_c_checksumFlag]: 1, [zlib.constants.ZSTD_c_contentSizeFlag]: 0 },
    });
    assert.deepEqual(decompressBlob(frame, content.length), content);
  });

  it('is refused when it is cut, damaged, or of another size than it should be', () => {
    const frame = compressBlob(content, 3);
    for (let end = 0; end < frame.length; end += 1)
      assert.throws(() => decompressBlob(frame.subarray(0, end), content.length), corrupt, String(end));
    for (const size of [0, 1, content.length - 1, content.length + 1, 2 ** 31])
      assert.throws(() => decompressBlob(frame, size), corrupt);
    assert.throws(() => decompressBlob(content, content.length), corrupt);
  });

  it('never becomes more than it should be, however much it holds', () => {
    const bomb = zlib.zstdCompressSync(Buffer.alloc(2 ** 26));
    assert.throws(() => decompressBlob(bomb, 2 ** 20), corrupt);
  });
});
