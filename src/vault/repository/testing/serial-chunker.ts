import { polynomialDegree, remainder } from '../chunker/polynomial.ts';

const min = 512 * 1024;
const max = 8 * 1024 * 1024;
const window = 64;
const splitMask = 0xfffff;

const signed = (value: bigint): number => Number(BigInt.asIntN(32, value));

/** A table of remainders as two halves: numbers have no 53 bits for bitwise operators. */
function halves(values: readonly bigint[]): { high: Int32Array; low: Int32Array } {
  return {
    high: Int32Array.from(values.map((value) => signed(value >> 32n))),
    low: Int32Array.from(values.map(signed)),
  };
}

/** restic's chunker as it is described, a byte at a time, with its window and its start value: the ends of the chunks. */
export function cutSerially(polynomial: bigint, bytes: Uint8Array): number[] {
  const all = Array.from({ length: 256 }, (_, byte) => BigInt(byte));
  const out = halves(all.map((byte) => remainder(byte << BigInt(8 * (window - 1)), polynomial)));
  const top = BigInt(polynomialDegree);
  const mod = halves(all.map((byte) => remainder(byte << top, polynomial) | (byte << top)));
  const ring = new Uint8Array(window);
  let [at, high, low] = [0, 0, 0];
  const slide = (byte: number): void => {
    const old = ring[at]!;
    ring[at] = byte;
    at = (at + 1) % window;
    high ^= out.high[old]!;
    low ^= out.low[old]!;
    const index = (high >>> 13) & 0xff;
    high = ((high << 8) | (low >>> 24)) ^ mod.high[index]!;
    low = ((low << 8) | byte) ^ mod.low[index]!;
  };
  const cuts: number[] = [];
  for (let start = 0; start < bytes.length; start = cuts.at(-1)!) {
    [at, high, low] = [0, 0, 0];
    ring.fill(0);
    slide(1);
    let end = Math.min(start + min - window, bytes.length);
    for (let isCut = false; !isCut && end < bytes.length;) {
      slide(bytes[end]!);
      end += 1;
      const length = end - start;
      isCut = length >= max || (length >= min && (low & splitMask) === 0);
    }
    cuts.push(end);
  }
  return cuts;
}
