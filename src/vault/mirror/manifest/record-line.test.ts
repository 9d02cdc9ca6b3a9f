import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { SourceEntry } from '../../../source/index.ts';
import { comparePaths } from '../object-key.ts';
import { contentRecordOf, encodeRecord, isOfState, recordOf } from './record.ts';
import { RecordLine } from './record-line.ts';

const entry: SourceEntry = {
  path: Buffer.from('folder/file'),
  type: 'file',
  mode: 0o644,
  uid: 1000,
  gid: 100,
  user: 'anna',
  group: 'users',
  mtimeNs: 1_764_000_000_123_456_789n,
  ctimeNs: 1_764_000_001_000_000_001n,
  inode: 156_839n,
  sizeBytes: 4096,
};
const sha256 = 'ab'.repeat(32);

/** The line of an entry, in the middle of others. */
function lineOf(of: SourceEntry): RecordLine {
  const text = encodeRecord(
    of.sizeBytes === undefined ? recordOf(of) : contentRecordOf(of, { size: of.sizeBytes, sha256 }),
  );
  const bytes = Buffer.from(`"x":{},\n${text},\n"y":{}`);
  return new RecordLine(bytes, 8, 8 + Buffer.byteLength(text), 'manifest');
}

test('the line of a file in the same state is known by its bytes, and that of one in another is not', () => {
  assert.ok(lineOf(entry).isOfState(entry));
  assert.ok(lineOf({ ...entry, ctimeNs: entry.mtimeNs }).isOfState({ ...entry, ctimeNs: entry.mtimeNs }));
  const others: Partial<SourceEntry>[] = [
    { mtimeNs: entry.mtimeNs + 1n },
    { mtimeNs: entry.mtimeNs - 1_000_000_000n },
    { ctimeNs: (entry.ctimeNs as bigint) + 1n },
    { ctimeNs: entry.mtimeNs },
    { inode: 15_683n },
    { inode: 1_568_390n },
    { sizeBytes: 409 },
    { sizeBytes: 40_960 },
    { user: 'ann' },
    { user: 'annan' },
    { group: 'user' },
    { group: 'susers' },
  ];
  for (const other of others) {
    assert.ok(!lineOf(entry).isOfState({ ...entry, ...other }), JSON.stringify(Object.keys(other)));
    assert.ok(!lineOf({ ...entry, ...other }).isOfState(entry), JSON.stringify(Object.keys(other)));
  }
});

test('what has more than the usual is left to who decodes it', () => {
  const rare: Partial<SourceEntry>[] = [
    { extendedAttributes: [{ name: 'user.x', value: Buffer.from('"user":"anna","group":"users"}') }] },
    { dataRuns: [{ offset: 0, length: 1 }] },
    { type: 'fifo' },
  ];
  for (const more of rare) assert.ok(!lineOf({ ...entry, ...more }).isOfState(entry));
  const { user: _user, group: _group, ...nameless } = entry;
  assert.ok(!lineOf(nameless).isOfState(nameless));
  assert.ok(!lineOf({ ...entry, mtimeNs: -5n }).isOfState({ ...entry, mtimeNs: -5n }));
  assert.ok(!lineOf({ ...entry, inode: 2n ** 60n }).isOfState({ ...entry, inode: 2n ** 60n }));
});

const anyEntry = fc
  .record({
    path: fc.uint8Array({ minLength: 1, maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
    mtimeNs: fc.bigInt({ min: -(2n ** 62n), max: 2n ** 63n - 1n }),
    ctimeNs: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
    inode: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    sizeBytes: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
    user: fc.string({ minLength: 1, maxLength: 5 }),
    group: fc.string({ minLength: 1, maxLength: 5 }),
  })
  .map((facts): SourceEntry => ({ ...entry, ...facts }));

test('no file is held for unchanged that the decoded record does not hold for it, and paths are compared as paths are', () => {
  fc.assert(
    fc.property(anyEntry, anyEntry, (one, other) => {
      const line = lineOf(one);
      for (const file of [one, other, { ...one, user: other.user as string }, { ...one, inode: other.inode as bigint }])
        if (line.isOfState(file)) {
          const { size, mtimeNs } = line.facts;
          assert.ok(isOfState(line, file) && size === file.sizeBytes && mtimeNs === file.mtimeNs.toString());
        }
      assert.deepEqual(line.path, one.path);
      assert.equal(Math.sign(line.compareTo(other.path)), Math.sign(comparePaths(one.path, other.path)));
      assert.equal(line.compareTo(one.path), 0);
    }),
  );
});

test('what is no entry is a damaged manifest when it is decoded', () => {
  for (const text of ['"x":{', '"x"', '{}', '"x":{"mtimeNs":1}']) {
    const line = new RecordLine(Buffer.from(text), 0, text.length, 'manifest');
    assert.throws(() => line.facts, { code: 'vault/bad-manifest' });
  }
});
