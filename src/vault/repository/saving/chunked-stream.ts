import type { StreamCutter } from '../chunker/stream-cutter.ts';
import type { FileContent } from './file-content.ts';
import type { Piece, Slab, Slabs } from './slabs.ts';

/** A part of the stream that lies in one slab without a gap. */
interface Segment {
  readonly slab: Slab;
  readonly offset: number;
  /** Where in the stream it begins. */
  readonly start: number;
  readonly length: number;
}

export interface ChunkedStreamOptions {
  readonly content: FileContent;
  readonly slabs: Slabs;
  readonly cutter: StreamCutter;
  /** Takes a whole chunk over: its slabs are retained for it. */
  readonly onChunk: (content: FileContent, pieces: readonly Piece[]) => void;
}

/** Cuts one stream into chunks, whose pieces stay where they lie. */
export class ChunkedStream {
  private readonly options: ChunkedStreamOptions;
  private readonly segments: Segment[] = [];
  private length = 0;
  private chunkStart = 0;

  constructor(options: ChunkedStreamOptions) {
    this.options = options;
  }

  /** Takes over a filled part of a slab, with its one user. */
  add(slab: Slab, offset: number, length: number): void {
    this.segments.push({ slab, offset, length, start: this.length });
    this.length += length;
    for (const cut of this.options.cutter.add(slab.bytes.subarray(offset, offset + length))) this.cutAt(cut);
  }

  /** Cuts what is left. */
  end(): void {
    for (const cut of this.options.cutter.finish()) this.cutAt(cut);
    this.options.content.end(this.length);
  }

  private cutAt(end: number): void {
    const pieces: Piece[] = [];
    while (this.chunkStart < end) {
      const segment = this.segments[0] as Segment;
      const from = this.chunkStart - segment.start;
      const to = Math.min(end - segment.start, segment.length);
      this.options.slabs.retain(segment.slab);
      pieces.push({ slab: segment.slab, offset: segment.offset + from, length: to - from });
      this.chunkStart += to - from;
      if (to < segment.length) break;
      this.segments.shift();
      this.options.slabs.release(segment.slab);
    }
    this.options.onChunk(this.options.content, pieces);
  }
}
