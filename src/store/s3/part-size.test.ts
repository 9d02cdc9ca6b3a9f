import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MiB } from '../../base/bytes.ts';
import { maxParts, partSizes } from './part-size.ts';

describe('the parts of an upload', () => {
  it('begin small and double after every 1000, so that terabytes fit into what S3 takes', () => {
    const size = partSizes('key');
    assert.deepEqual(
      [0, 999, 1000, 1999, 2000, 9999].map(size),
      [8, 8, 16, 16, 32, 4096].map((mib) => mib * MiB),
    );
    let total = 0;
    for (let index = 0; index < maxParts; index += 1) total += size(index);
    assert.ok(total > 7 * 1024 ** 4);
    assert.ok(size(maxParts - 1) <= 5 * 1024 * MiB);
    assert.throws(() => size(maxParts), { code: 'store/too-large' });
  });
});
