/** Where the host and the kernels meet. All memory is laid out when the module is compiled, and none is asked for later. */

/** Bytes of the window that a remainder is taken over. */
export const windowSize: usize = 64;

/** 16 lanes of an odd number of cache lines: lanes a power of two apart would fall on the same lines of the cache. */
export const pieceSize: usize = 16 * 261 * 64;

/** How many ranges one call hands back. */
export const rangeLimit: i32 = 4096;

/** What the host writes: the bytes of a message, or the window before a piece and the piece. A last block is padded behind the message. */
export const input: usize = memory.data(<i32>(windowSize + pieceSize) + 16, 16);

/** A bit for each byte of a piece: a chunk may end behind it. */
export const bitmap: usize = memory.data(<i32>pieceSize / 8 + 8, 16);

/** What `collectRanges` hands back: pairs of u32. */
export const ranges: usize = memory.data(8 * rangeLimit, 16);

/** What the host writes once for its polynomial (rabin-tables.ts): tables by halves of a byte, then by whole bytes. */
export const halfByteTables: usize = memory.data(7 * 64 + 2 * 256 * 8, 16);
export const outTable: usize = halfByteTables + 7 * 64;
export const modTable: usize = outTable + 256 * 8;

/** Poly1305: the key of one message (r, then s), and its tag. */
export const oneTimeKey: usize = memory.data(32, 16);
export const tag: usize = memory.data(16, 16);
