import { loadKernels } from '../kernels/load-kernels.ts';
import { chunkLimits } from './chunk-limits.ts';

const { min, max, window } = chunkLimits;

/**
 * How far a scan goes before it is looked whether it has found something: what it finds behind a cut is of no use. The
 * kernel's 16 lanes are then an odd number of cache lines apart, so that they do not fall on the same lines of the cache.
 */
const step = 16 * 33 * 64;

/**
 * Finds where the chunks of a stream end, whose bytes come in pieces of any size: at the first position that makes a
 * chunk `min` long and where it may end, or else where it is `max` long. What no chunk may end in is not looked at, which is a
 * third of random bytes; that is worth more than scanning in several threads, as the scan then has to know what was cut before.
 */
export class StreamCutter {
  readonly #tables: Uint8Array;
  /** Where the present chunk begins, and how much of the stream has come. */
  #start = 0;
  #end = 0;
  /** The last bytes that have come. */
  readonly #recent = new Uint8Array(window);
  readonly #joined = new Uint8Array(2 * window);

  /** `tables`: of the polynomial, by `rabinTables`. */
  constructor(tables: Uint8Array) {
    this.#tables = tables;
  }

  /** Takes the next bytes and returns the ends of the chunks that end in them, as positions in the stream, ascending. */
  add(bytes: Uint8Array): number[] {
    const begin = this.#end;
    const end = begin + bytes.length;
    const cuts: number[] = [];
    for (;;) {
      const limit = Math.min(this.#start + max, end);
      // A position is behind the byte that makes it one: the first to be looked at is one further on.
      const from = Math.max(this.#start + min - 1, begin);
      const found = from < limit ? this.#find(bytes, from - begin, limit - begin) : undefined;
      const cut = found === undefined ? this.#start + max : begin + found;
      if (cut > end) break;
      cuts.push(cut);
      this.#start = cut;
    }
    this.#end = end;
    this.#remember(bytes);
    return cuts;
  }

  /** The stream has ended: the last chunk's end, if anything is left for it. */
  finish(): number[] {
    return this.#end > this.#start ? [this.#end] : [];
  }

  /** The first position in `bytes` behind `from`, up to `limit`, where a chunk may end. */
  #find(bytes: Uint8Array, from: number, limit: number): number | undefined {
    let at = from;
    if (at < window) {
      const near = this.#joined.subarray(0, window + Math.min(limit, window));
      near.set(this.#recent);
      near.set(bytes.subarray(0, near.length - window), window);
      const [found] = loadKernels().findCandidates(this.#tables, near, window + at);
      if (found !== undefined) return found - window;
      at = window;
    }
    for (; at < limit; at += step) {
      const stretch = bytes.subarray(at - window, Math.min(at + step, limit));
      const [found] = loadKernels().findCandidates(this.#tables, stretch, window);
      if (found !== undefined) return at - window + found;
    }
    return undefined;
  }

  #remember(bytes: Uint8Array): void {
    const kept = Math.max(0, window - bytes.length);
    this.#recent.copyWithin(0, window - kept);
    this.#recent.set(bytes.subarray(Math.max(0, bytes.length - window)), kept);
  }
}
