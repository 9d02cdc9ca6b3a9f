import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hasCode } from '../../../base/errors.ts';
import { isIrreducible, parsePolynomial, randomPolynomial, remainder } from './polynomial.ts';

describe('polynomials over GF(2)', () => {
  it('leave the remainder that long division leaves', () => {
    assert.equal(remainder(0b11010110110000n, 0b10011n), 0b1110n);
    assert.equal(remainder(0n, 0b101n), 0n);
    assert.equal(remainder(0b111n, 0b1000n), 0b111n);
  });

  it('are irreducible when no smaller one divides them: all up to degree 10', () => {
    for (let polynomial = 0n; polynomial < 2n ** 11n; polynomial += 1n) {
      let isDivided = polynomial < 2n;
      for (let divisor = 2n; divisor < 64n && divisor < polynomial; divisor += 1n) {
        isDivided ||= remainder(polynomial, divisor) === 0n;
      }
      assert.equal(isIrreducible(polynomial), !isDivided, polynomial.toString(2));
    }
  });

  it('are irreducible and of degree 53 for a new repository, and differ', () => {
    const some = Array.from({ length: 5 }, randomPolynomial);
    for (const polynomial of some) {
      assert.equal(polynomial.toString(2).length, 54);
      assert.equal(parsePolynomial(polynomial.toString(16)), polynomial);
    }
    assert.equal(new Set(some).size, some.length);
  });

  it('are refused from a config unless irreducible and of degree 53', () => {
    for (const hex of ['3DA3358B4DC173', '3da3358b4dc173', '2482734cacca49']) {
      assert.equal(parsePolynomial(hex), BigInt(`0x${hex}`));
    }
    for (const hex of ['', '3da3358b4dc172', '3da3358b4dc171', '7', '0', 'x', '-3da3358b4dc173', 'f'.repeat(1000)]) {
      assert.throws(
        () => parsePolynomial(hex),
        (error) => hasCode(error, 'vault/corrupt'),
        hex,
      );
    }
  });
});
