import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';

import { isKey } from '../../store/index.ts';
import { comparePaths, escapePath, objectKey, unescapePath } from './object-key.ts';

const place = { prefix: 'data/', manifestKey: 'data/m.json', pendingPrefix: 'data/m.json.pending/' };

/** Names that a file system allows, with a liking for what an escape could mistake. */
const byte = fc.oneof(fc.constantFrom(...Buffer.from('%%%25410AaFf/.~ ')), fc.integer({ min: 1, max: 255 }));
const path = fc
  .array(byte, { minLength: 1, maxLength: 40 })
  .map((bytes) => Buffer.from(bytes))
  .filter((bytes) =>
    bytes
      .toString('latin1')
      .split('/')
      .every((name) => !['', '.', '..'].includes(name)),
  );

test('every path has an escape that gives it back', () => {
  fc.assert(
    fc.property(path, (bytes) => assert.deepEqual(unescapePath(escapePath(bytes)), bytes)),
    { numRuns: 5000 },
  );
});

test('a key is one that every store takes, and two paths never have the same', () => {
  fc.assert(
    fc.property(path, path, (a, b) => {
      assert.ok(isKey(objectKey(place, a)), objectKey(place, a));
      if (!a.equals(b)) assert.notEqual(objectKey(place, a), objectKey(place, b));
    }),
    { numRuns: 5000 },
  );
});

test('ordinary names stay as they are', () => {
  for (const name of ['a b', '100%.txt', '50% off', 'ü/日本語', '.hidden', "it's", '#1'])
    assert.equal(objectKey(place, Buffer.from(name)), `data/${name}`);
});

test('what would be the key of the mirror itself, or of no store, is another one', () => {
  const long = 'x'.repeat(250);
  for (const name of [
    'm.json',
    'm.json.pending',
    'm.json.pending/a',
    '.holdfast-tmp-1',
    'lost+found',
    `${long}/`.repeat(5) + 'f',
  ]) {
    const key = objectKey(place, Buffer.from(name));
    assert.match(key, /^data\/%00\/[0-9a-f]{64}$/);
  }
});

test('paths are ordered as a source yields them: a directory before what is in it, names by their bytes', () => {
  const sorted = ['', 'a', 'a/b', 'a/b/c', 'a/c', 'a!', 'a-', 'a.txt', 'a0', 'ab', 'b'].map((text) =>
    Buffer.from(text),
  );
  assert.deepEqual(sorted.toReversed().sort(comparePaths).map(String), sorted.map(String));
});
