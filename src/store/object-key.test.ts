import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { checkKey, compareKeys, isKey, maxKeyBytes } from './object-key.ts';

describe('the key of an object', () => {
  it('has no segment that a path could mistake, whatever it is made of', () => {
    const parts = fc.constantFrom('a', '.', '..', '/', '\\', ' ', '\n', '\0', 'ä', '😀', '\uD800');
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 12 }), (list) => {
        const key = list.join('');
        const isGood =
          key.isWellFormed() &&
          !/[\n\0]/.test(key) &&
          key.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..');
        assert.equal(isKey(key), isGood);
        if (isGood) assert.equal(checkKey(key), key);
        else assert.throws(() => checkKey(key), { code: 'store/bad-key' });
      }),
    );
  });

  it(`has ${maxKeyBytes} bytes at most, counted in UTF-8`, () => {
    assert.equal(isKey('ä'.repeat(512)), true);
    assert.equal(isKey('ä'.repeat(512) + 'a'), false);
  });

  it('is ordered as its bytes are', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
        assert.equal(Math.sign(compareKeys(a, b)), Buffer.compare(Buffer.from(a), Buffer.from(b)));
        assert.equal(compareKeys(a, b) === 0, a === b);
      }),
    );
    assert.ok(compareKeys('\uFF5E', '\u{1F600}') < 0);
  });
});
