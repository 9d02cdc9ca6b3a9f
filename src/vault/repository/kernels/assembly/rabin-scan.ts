/**
 * Finds where chunks may end: behind each byte where the last 64 bytes, as a polynomial over GF(2), leave a remainder
 * whose 20 lowest bits are zero (Rabin's fingerprint with a polynomial of degree 53, as in restic's chunker).
 *
 * A piece is cut into 16 lanes, each with the 64 bytes before it. A vector holds one byte of the remainders of all lanes:
 * seven of them, the planes d0 to d6, are the 16 remainders. A shift by a byte renames the planes. Multiplying a byte by a
 * constant is linear, so it is the sum of what its two halves give: two swizzles a plane. Remainders are kept shifted left
 * by 3, so that their 53 bits end where plane 6 ends.
 */
import { clearBitmap, mark, markAll } from './candidate-bitmap';
import { halfByteTables, input, modTable, outTable, windowSize } from './memory-layout';

/** 16 bytes of each lane while they are turned into columns, which hold one byte of each lane. */
const columns: usize = memory.data(256, 16);
const scratch: usize = memory.data(256, 16);
/** The columns of the window, in a ring. */
const window: usize = memory.data(16 * <i32>windowSize, 16);
/** The low bits of the last 16 remainders of each lane. */
const remainders: usize = memory.data(256, 16);

const splitMask: u64 = (1 << 20) - 1;
/** How many bits of plane 2 belong to the 20 lowest: planes 0 and 1 have 5 and 8. */
const plane2Mask: i8 = 0x7f;

/** The sum of what the halves of a byte give, in one plane. */
function lookUp(table: usize, low: v128, high: v128): v128 {
  return v128.xor(i8x16.relaxed_swizzle(v128.load(table), low), i8x16.relaxed_swizzle(v128.load(table, 16), high));
}

/** Interleaves rows 0 to 7 with rows 8 to 15. Done four times it transposes 16 by 16 bytes. */
function interleave(from: usize, stride: usize, to: usize): void {
  for (let row: usize = 0; row < 8; row++, to += 32) {
    const a = v128.load(from + row * stride);
    const b = v128.load(from + (row + 8) * stride);
    v128.store(to, i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
    v128.store(to, i8x16.shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31), 16);
  }
}

/** Turns 16 bytes of each lane into `columns`. */
function readColumns(from: usize, laneLength: usize): void {
  interleave(from, laneLength, scratch);
  interleave(scratch, 16, columns);
  interleave(columns, 16, scratch);
  interleave(scratch, 16, columns);
}

/** Marks what `remainders` say of the 16 bytes from `index` on of each lane. */
function markColumns(index: usize, laneLength: usize): void {
  for (let column: usize = 0; column < 16; column++) {
    let lanes = i8x16.bitmask(i8x16.eq(v128.load(remainders + column * 16), i8x16.splat(0)));
    for (; lanes !== 0; lanes &= lanes - 1) mark(<usize>ctz(lanes) * laneLength + index + column);
  }
}

/** Scans 16 lanes of `laneLength` bytes, a multiple of 16. Their first 64 steps fill the window with what is before. */
function scanLanes(laneLength: usize): void {
  const half = i8x16.splat(0x0f);
  const zero = i8x16.splat(0);
  let d0 = zero,
    d1 = zero,
    d2 = zero,
    d3 = zero,
    d4 = zero,
    d5 = zero,
    d6 = zero;
  memory.fill(window, 0, 16 * windowSize);
  for (let at: usize = 0; at < windowSize + laneLength; at += 16) {
    readColumns(input + at, laneLength);
    const oldColumns = window + (at % windowSize) * 16;
    let least = i8x16.splat(-1);
    for (let step: usize = 0; step < 256; step += 16) {
      const byte = v128.load(columns + step);
      const old = v128.load(oldColumns + step);
      v128.store(oldColumns + step, byte);
      const oldLow = v128.and(old, half),
        oldHigh = v128.and(i16x8.shr_u(old, 4), half);
      const low = v128.and(d6, half),
        high = v128.and(i16x8.shr_u(d6, 4), half);
      const t = halfByteTables;
      d6 = v128.xor(v128.xor(d5, lookUp(t + 384, low, high)), lookUp(t + 416, oldLow, oldHigh));
      d5 = v128.xor(v128.xor(d4, lookUp(t + 320, low, high)), lookUp(t + 352, oldLow, oldHigh));
      d4 = v128.xor(v128.xor(d3, lookUp(t + 256, low, high)), lookUp(t + 288, oldLow, oldHigh));
      d3 = v128.xor(v128.xor(d2, lookUp(t + 192, low, high)), lookUp(t + 224, oldLow, oldHigh));
      d2 = v128.xor(v128.xor(d1, lookUp(t + 128, low, high)), lookUp(t + 160, oldLow, oldHigh));
      d1 = v128.xor(v128.xor(d0, lookUp(t + 64, low, high)), lookUp(t + 96, oldLow, oldHigh));
      d0 = v128.xor(lookUp(t, low, high), lookUp(t + 32, oldLow, oldHigh));
      d1 = v128.xor(d1, v128.and(i16x8.shr_u(byte, 5), i8x16.splat(0x07)));
      d0 = v128.xor(d0, v128.and(i16x8.shl(byte, 3), i8x16.splat(-8)));
      const lowBits = v128.or(v128.or(d0, d1), v128.and(d2, i8x16.splat(plane2Mask)));
      v128.store(remainders + step, lowBits);
      least = i8x16.min_u(least, lowBits);
    }
    if (!i8x16.all_true(least) && at >= windowSize) markColumns(at - windowSize, laneLength);
  }
}

/** The remainder after one more byte; `old` is the byte that leaves the window. */
function slide(remainder: u64, old: u8, byte: u8): u64 {
  const kept = remainder ^ load<u64>(outTable + ((<usize>old) << 3));
  return ((kept << 8) | <u64>byte) ^ load<u64>(modTable + ((<usize>(kept >> 45)) << 3));
}

function scanBytes(from: usize, length: usize): void {
  let remainder: u64 = 0;
  // The piece's byte i is at input + windowSize + i.
  for (let i = from; i < from + windowSize; i++) remainder = slide(remainder, 0, load<u8>(input + i));
  for (let i = from; i < length; i++) {
    remainder = slide(remainder, load<u8>(input + i), load<u8>(input + i + windowSize));
    if ((remainder & splitMask) === 0) mark(i);
  }
}

/** All zero, as in the holes of sparse files: every position is a candidate. */
function isZero(length: usize): bool {
  const end = input + windowSize + length;
  let at = input;
  for (; at + 16 <= end; at += 16) if (v128.any_true(v128.load(at))) return false;
  for (; at < end; at++) if (load<u8>(at) !== 0) return false;
  return true;
}

/** Scans a piece of `length` bytes, which lies in `input` behind the 64 bytes before it. */
export function scan(length: usize): void {
  clearBitmap();
  if (isZero(length)) {
    markAll(length);
    return;
  }
  const laneLength = (length / 16) & ~15;
  if (laneLength > 0) scanLanes(laneLength);
  scanBytes(laneLength * 16, length);
}

/** Marks the same as `scan`, byte by byte: the reference. */
export function scanSerially(length: usize): void {
  clearBitmap();
  scanBytes(0, length);
}
