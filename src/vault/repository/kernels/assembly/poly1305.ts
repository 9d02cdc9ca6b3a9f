/**
 * Poly1305 (RFC 8439): the message in blocks of 16 bytes, as the coefficients of a polynomial, at the point r modulo
 * 2^130 - 5, plus s. Numbers are kept in limbs of 32 bits: r, clamped, leaves four bits free in each of its limbs, so
 * that five products fit into 64 bits, and 5/4 r is a whole number in all but the lowest.
 */
import { input, oneTimeKey, tag } from './memory-layout';

const limb: u64 = 0xffffffff;

let r0: u64, r1: u64, r2: u64, r3: u64;
let h0: u64, h1: u64, h2: u64, h3: u64, h4: u64;

/** Begins a message with the key at `oneTimeKey`. */
export function startPoly1305(): void {
  r0 = load<u32>(oneTimeKey) & 0x0fffffff;
  r1 = load<u32>(oneTimeKey, 4) & 0x0ffffffc;
  r2 = load<u32>(oneTimeKey, 8) & 0x0ffffffc;
  r3 = load<u32>(oneTimeKey, 12) & 0x0ffffffc;
  h0 = h1 = h2 = h3 = h4 = 0;
}

/** Takes the blocks at..end; `top` is the bit above a block's 128: 1 but for a last block that carries it inside. */
function takeBlocks(at: usize, end: usize, top: u64): void {
  const x0 = r0,
    x1 = r1,
    x2 = r2,
    x3 = r3;
  const y1 = x1 + (x1 >> 2),
    y2 = x2 + (x2 >> 2),
    y3 = x3 + (x3 >> 2);
  let a0 = h0,
    a1 = h1,
    a2 = h2,
    a3 = h3,
    a4 = h4;
  for (; at < end; at += 16) {
    a0 += load<u32>(at);
    a1 += load<u32>(at, 4);
    a2 += load<u32>(at, 8);
    a3 += load<u32>(at, 12);
    a4 += top;
    const d0 = a0 * x0 + a1 * y3 + a2 * y2 + a3 * y1;
    const d1 = a0 * x1 + a1 * x0 + a2 * y3 + a3 * y2 + a4 * y1 + (d0 >> 32);
    const d2 = a0 * x2 + a1 * x1 + a2 * x0 + a3 * y3 + a4 * y2 + (d1 >> 32);
    const d3 = a0 * x3 + a1 * x2 + a2 * x1 + a3 * x0 + a4 * y3 + (d2 >> 32);
    const d4 = a4 * x0 + (d3 >> 32);
    // What is above 2^130 comes back five times: once, and four times.
    const low = (d0 & limb) + (d4 >> 2) + (d4 & ~3);
    a0 = low & limb;
    a1 = (d1 & limb) + (low >> 32);
    a2 = d2 & limb;
    a3 = d3 & limb;
    a4 = d4 & 3;
  }
  h0 = a0;
  h1 = a1;
  h2 = a2;
  h3 = a3;
  h4 = a4;
}

/** Takes `length` bytes of `input`. Only the last call of a message may take a length that 16 does not divide. */
export function updatePoly1305(length: usize): void {
  const end = input + length;
  const whole = end & ~15;
  takeBlocks(input, whole, 1);
  if (whole === end) return;
  store<u8>(end, 1);
  memory.fill(end + 1, 0, whole + 15 - end);
  takeBlocks(whole, whole + 16, 0);
}

/** Writes the message's tag to `tag`. */
export function finishPoly1305(): void {
  h2 += (h1 + (h0 >> 32)) >> 32;
  h1 = (h1 + (h0 >> 32)) & limb;
  h3 += h2 >> 32;
  h4 += h3 >> 32;
  // Plus 5 is minus the prime, once 2^130 is dropped: taken when that is not below zero.
  const g0 = (h0 & limb) + 5;
  const g1 = h1 + (g0 >> 32);
  const g2 = (h2 & limb) + (g1 >> 32);
  const g3 = (h3 & limb) + (g2 >> 32);
  const isReduced = (h4 + (g3 >> 32)) >> 2 === 0;
  const low = isReduced ? (h0 & limb) | (h1 << 32) : (g0 & limb) | (g1 << 32);
  const high = isReduced ? (h2 & limb) | (h3 << 32) : (g2 & limb) | (g3 << 32);
  const sum = low + load<u64>(oneTimeKey, 16);
  store<u64>(tag, sum);
  store<u64>(tag, high + load<u64>(oneTimeKey, 24) + u64(sum < low), 8);
}
