import type { SourceEntry } from '../../../source/index.ts';
import type { ContentReader, FileContent } from '../reading/content-reader.ts';

/** An entry of a snapshot and, of a file, its content. */
export interface SnapshotEntry {
  readonly entry: SourceEntry;
  readonly content?: FileContent;
}

/** As many entries may be known ahead of who reads. */
const mostAhead = 2048;

/** Entries on their way to who reads: fetched ahead, and their contents announced, while the reader of contents wants more. */
export class EntryQueue {
  private readonly entries: AsyncIterator<SnapshotEntry>;
  private readonly contents: ContentReader;
  private readonly queue: SnapshotEntry[] = [];
  private ended = false;
  private failure: { readonly error: unknown } | undefined;
  private pulling: Promise<void> | undefined;
  private isPumping = false;

  constructor(entries: AsyncIterator<SnapshotEntry>, contents: ContentReader) {
    this.entries = entries;
    this.contents = contents;
  }

  /** The next entry; undefined after the last. */
  async next(): Promise<SnapshotEntry | undefined> {
    while (this.queue.length === 0 && !this.ended) await this.pull();
    const next = this.queue.shift();
    if (!next && this.failure) throw this.failure.error;
    return next;
  }

  /** Fetches entries ahead of time, as long as they are wanted. */
  async pump(): Promise<void> {
    if (this.isPumping) return;
    this.isPumping = true;
    while (!this.ended && this.queue.length < mostAhead && this.contents.wantsMore) await this.pull();
    this.isPumping = false;
  }

  private pull(): Promise<void> {
    this.pulling ??= this.take().finally(() => (this.pulling = undefined));
    return this.pulling;
  }

  /** Never rejects: what fails is thrown when its turn has come. */
  private async take(): Promise<void> {
    try {
      const { value, done } = await this.entries.next();
      if (done) this.ended = true;
      else {
        this.queue.push(value);
        if (value.content) this.contents.announce(value.content);
      }
    } catch (error) {
      this.failure = { error };
      this.ended = true;
    }
  }
}
