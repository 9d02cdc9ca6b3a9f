import { randomBytes } from 'node:crypto';
import { vaultError } from '../../errors.ts';

/**
 * Polynomials over GF(2), as bigints: bit i is the coefficient of x^i. restic's chunker divides by an irreducible one of this degree,
 * and each repository has its own.
 */
export const polynomialDegree = 53;

const degree = (a: bigint): number => (a === 0n ? -1 : a.toString(2).length - 1);

/** The remainder of `a` divided by `modulus`, which must not be zero. */
export function remainder(a: bigint, modulus: bigint): bigint {
  const size = degree(modulus);
  let rest = a;
  for (let excess = degree(rest) - size; excess >= 0; excess = degree(rest) - size) rest ^= modulus << BigInt(excess);
  return rest;
}

/** Over GF(2) the square of a sum is the sum of the squares: a zero comes between all the bits. */
const square = (a: bigint): bigint => BigInt(`0b${a.toString(2).split('').join('0')}`);

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  let [x, y] = [a, b];
  while (y !== 0n) [x, y] = [y, remainder(x, y)];
  return x;
}

/** Ben-Or's test: x^(2^i) - x is the product of all irreducible polynomials whose degree divides i. */
export function isIrreducible(polynomial: bigint): boolean {
  if (degree(polynomial) < 1) return false;
  let power = 2n;
  for (let i = 1; i <= degree(polynomial) / 2; i += 1) {
    power = remainder(square(power), polynomial);
    if (greatestCommonDivisor(polynomial, power ^ 2n) !== 1n) return false;
  }
  return true;
}

/** An irreducible polynomial of degree 53 for a new repository. */
export function randomPolynomial(): bigint {
  const top = 1n << BigInt(polynomialDegree);
  for (;;) {
    const candidate = top | (randomBytes(8).readBigUInt64LE() % top) | 1n;
    if (isIrreducible(candidate)) return candidate;
  }
}

/** Reads `chunker_polynomial` of a repository's config; `polynomial.toString(16)` writes it. Throws vault/corrupt. */
export function parsePolynomial(hex: string): bigint {
  const polynomial = /^[0-9a-f]{1,16}$/i.test(hex) ? BigInt(`0x${hex}`) : 0n;
  if (degree(polynomial) === polynomialDegree && isIrreducible(polynomial)) return polynomial;
  throw vaultError('corrupt', {
    message: `The repository's chunker polynomial "${hex.slice(0, 40)}" is not an irreducible polynomial of degree ${polynomialDegree}.`,
    hint: 'The repository was damaged or made by a broken program; its restore points can still be restored.',
  });
}
