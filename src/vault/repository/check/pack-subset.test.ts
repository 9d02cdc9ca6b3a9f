import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { MiB } from '../../../base/bytes.ts';
import { choosePacks, parsePackSubset } from './pack-subset.ts';

const packs = Array.from({ length: 200 }, (_, number) => ({
  id: createHash('sha256').update(String(number)).digest('hex'),
  number,
  sizeBytes: 16 * MiB,
}));

test('the parts of a repository have every pack once', () => {
  const parts = Array.from({ length: 7 }, (_, part) => choosePacks(packs, parsePackSubset(`${part + 1}/7`)));
  assert.deepEqual(
    parts
      .flat()
      .map(({ number }) => number)
      .toSorted((a, b) => a - b),
    packs.map(({ number }) => number),
  );
});

test('a share by chance has as many packs as it says, at least one, each once', () => {
  for (const [text, count] of [
    ['10%', 20],
    ['100%', 200],
    ['0.1%', 1],
    ['160M', 10],
    ['1K', 1],
    ['9999G', 200],
  ] as const) {
    const chosen = choosePacks(packs, parsePackSubset(text));
    assert.equal(new Set(chosen).size, count, text);
  }
  assert.deepEqual(choosePacks([], parsePackSubset('50%')), []);
});

test('what names no part is refused', () => {
  for (const text of ['', '0/5', '6/5', '1/300', '0%', '101%', '-5%', 'x', '5X', '0M', '1/'])
    assert.throws(() => parsePackSubset(text), { code: 'vault/bad-options' }, text);
});
