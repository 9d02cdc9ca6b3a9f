import { KiB, MiB } from '../../../base/bytes.ts';

/** restic's chunks, in bytes. A chunk may end where the last `window` bytes leave a remainder with 20 zero bits: about each MiB. */
export const chunkLimits = { min: 512 * KiB, max: 8 * MiB, window: 64 } as const;

/** Candidates of one stretch of a stream, as `Kernels.findCandidates` gives them. */
export interface ScannedStretch {
  /** Pairs: the first and the last of adjacent positions, counted from `offset`. */
  readonly candidates: Uint32Array;
  /** Where in the stream the scanned bytes began. */
  readonly offset: number;
  /** Up to where in the stream there are no other candidates. */
  readonly end: number;
}

/**
 * Chooses where chunks end among the candidates of a stream, whoever found them: a chunk ends at the first candidate that
 * makes it `min` long, or else when it is `max` long. What it is given must be in order, and gapless.
 */
export class CutChooser {
  #start = 0;
  #end = 0;

  /** Takes the next stretch and returns the chunks' ends that are certain by now, in ascending order. */
  add({ candidates, offset, end }: ScannedStretch): number[] {
    const cuts: number[] = [];
    this.#end = end;
    let next = 0;
    for (;;) {
      const earliest = this.#start + chunkLimits.min;
      while (next < candidates.length && offset + (candidates[next + 1] ?? 0) < earliest) next += 2;
      const candidate =
        next < candidates.length ? Math.max(offset + (candidates[next] ?? 0), earliest) : Number.POSITIVE_INFINITY;
      const cut = Math.min(candidate, this.#start + chunkLimits.max);
      if (cut > end) return cuts;
      cuts.push(cut);
      this.#start = cut;
    }
  }

  /** The stream has ended: the last chunk's end, if anything is left for it. */
  finish(): number[] {
    return this.#end > this.#start ? [this.#end] : [];
  }
}
