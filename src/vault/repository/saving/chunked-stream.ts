import { CutChooser } from '../chunker/cut-points.ts';
import type { FileContent } from './file-content.ts';
import type { Piece, Slab, Slabs } from './slabs.ts';

/** A part of the stream that lies in one slab without a gap. */
interface Segment {
  readonly slab: Slab;
  readonly offset: number;
  /** Where in the stream it begins. */
  readonly start: number;
  length: number;
}

export interface ChunkedStreamOptions {
  readonly content: FileContent;
  readonly slabs: Slabs;
  /** Where chunks may end in a part of a slab: pairs of the first and last of adjacent positions, from its offset. */
  readonly scan: (segment: Piece, continues: boolean) => Promise<Uint32Array>;
  readonly onFailed: (error: unknown) => void;
  /** Takes a whole chunk over: its slabs are retained for it. */
  readonly onChunk: (content: FileContent, pieces: readonly Piece[]) => void;
}

/**
 * Cuts one stream into chunks. Its segments are scanned for candidates in any thread and order; the cuts among them are
 * chosen here, in the order of the stream.
 */
export class ChunkedStream {
  private readonly options: ChunkedStreamOptions;
  private readonly chooser = new CutChooser();
  private readonly segments: Segment[] = [];
  private scanned: Promise<void> = Promise.resolve();
  private length = 0;
  private chunkStart = 0;

  constructor(options: ChunkedStreamOptions) {
    this.options = options;
  }

  /** Takes over a filled part of a slab, with its one user. */
  add(slab: Slab, offset: number, length: number): void {
    const segment: Segment = { slab, offset, length, start: this.length };
    this.segments.push(segment);
    this.length += length;
    const candidates = this.options.scan({ slab, offset, length }, segment.start > 0);
    this.scanned = this.choose(candidates, segment, this.scanned);
    // At once: whoever waits for a slab waits for this.
    this.scanned.catch(this.options.onFailed);
  }

  /** Cuts what is left. */
  async end(): Promise<void> {
    await this.scanned;
    for (const cut of this.chooser.finish()) this.cutAt(cut);
    this.options.content.end(this.length);
  }

  private async choose(scan: Promise<Uint32Array>, { start, length }: Segment, before: Promise<void>): Promise<void> {
    const [candidates] = await Promise.all([scan, before]);
    for (const cut of this.chooser.add({ candidates, offset: start, end: start + length })) this.cutAt(cut);
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
