import { chunkLimits } from './chunk-limits.ts';
import { polynomialDegree, remainder } from './polynomial.ts';

/** What the kernel shifts remainders by, so that their 53 bits end at a byte. */
const shift = 3n;
const planes = 7;
const halfBytes = Array.from({ length: 16 }, (_, value) => value);

/**
 * The tables of a polynomial, for the kernels (kernels/assembly/memory-layout.ts has the places). Make them once for a repository:
 * the same array is copied into a thread's kernels only once.
 */
export function rabinTables(polynomial: bigint): Uint8Array {
  const powers = new Map<number, bigint>();
  const powerOfX = (power: number): bigint => {
    const known = powers.get(power) ?? remainder(1n << BigInt(power), polynomial);
    powers.set(power, known);
    return known;
  };
  // A remainder of a sum is the sum of the remainders: those of eight powers make those of all bytes.
  const times = (byte: number, power: number): bigint => {
    let sum = 0n;
    for (let bit = 0; bit < 8; bit += 1) if ((byte & (1 << bit)) !== 0) sum ^= powerOfX(power + bit);
    return sum;
  };
  const tables = Buffer.alloc(planes * 64 + 2 * 256 * 8);
  // What leaves the remainder at its top, and what leaves the window, each by the low and the high half of the byte.
  const leaving = [polynomialDegree, 8 * chunkLimits.window];
  const rows = leaving.flatMap((power) => [
    halfBytes.map((half) => times(half, power)),
    halfBytes.map((half) => times(half << 4, power)),
  ]);
  for (const [row, values] of rows.entries()) {
    for (const [column, value] of values.entries()) {
      for (let plane = 0; plane < planes; plane += 1) {
        tables[plane * 64 + row * 16 + column] = Number(((value << shift) >> BigInt(8 * plane)) & 0xffn);
      }
    }
  }
  const out = planes * 64;
  const mod = out + 256 * 8;
  for (let byte = 0; byte < 256; byte += 1) {
    // The one is subtracted before the shift by a byte, the other clears the bits above the degree after it.
    tables.writeBigUInt64LE(times(byte, 8 * (chunkLimits.window - 1)), out + byte * 8);
    tables.writeBigUInt64LE(times(byte, polynomialDegree) | (BigInt(byte) << BigInt(polynomialDegree)), mod + byte * 8);
  }
  return tables;
}
