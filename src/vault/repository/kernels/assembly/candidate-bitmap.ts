/** The positions of a piece behind which a chunk may end, as bits; read as ranges, since zeros make every position one. */
import { bitmap, pieceSize, rangeLimit, ranges } from './memory-layout';

export function clearBitmap(): void {
  memory.fill(bitmap, 0, pieceSize / 8 + 8);
}

export function markAll(length: usize): void {
  const bytes = length >> 3;
  memory.fill(bitmap, 0xff, bytes);
  store<u8>(bitmap + bytes, <u8>(((<u32>1) << (<u32>(length & 7))) - 1));
}

export function mark(index: usize): void {
  const at = bitmap + (index >> 3);
  store<u8>(at, load<u8>(at) | ((<u8>1) << (<u8>(index & 7))));
}

/** The first index at or after `index` whose bit, with `flip` all ones: whose flipped bit, is set; or `length`. */
function nextBit(index: usize, length: usize, flip: u64): usize {
  while (index < length) {
    const word = (load<u64>(bitmap + ((index >> 6) << 3)) ^ flip) >> (index & 63);
    if (word !== 0) return min(index + <usize>ctz(word), length);
    index = (index | 63) + 1;
  }
  return length;
}

/**
 * Writes the runs of bits from `index` on to `ranges`, each as the first and the last position (a position counts the
 * bytes before it), and returns how many. When it is the limit, go on from the last position.
 */
export function collectRanges(index: usize, length: usize): i32 {
  let count = 0;
  for (; count < rangeLimit; count++) {
    const first = nextBit(index, length, 0);
    if (first === length) break;
    index = nextBit(first, length, ~0);
    store<u32>(ranges + ((<usize>count) << 3), <u32>(first + 1));
    store<u32>(ranges + ((<usize>count) << 3), <u32>index, 4);
  }
  return count;
}
