import type { Soon } from '../../../base/concurrency.ts';
import type { SourceEntry } from '../../../source/index.ts';
import type { ContentReader, FileContent } from '../reading/content-reader.ts';

/** An entry of a snapshot and, of a file, its content. */
export interface SnapshotEntry {
  readonly entry: SourceEntry;
  readonly content?: FileContent;
}

/** Where entries come from. */
export interface EntrySupply {
  /** The next one, at once where that can be; undefined after the last. Not to be called before it is there. */
  next(): Soon<SnapshotEntry | undefined>;
}

/** So many entries that come at once are fetched in one go. */
const mostInOneGo = 64;

/** As many entries may be known ahead of who reads. */
const mostAhead = 2048;

/** Entries on their way to who reads: fetched ahead, and their contents announced, while the reader of contents wants more. */
export class EntryQueue {
  private readonly entries: EntrySupply;
  private readonly contents: ContentReader;
  private queue: SnapshotEntry[] = [];
  /** How many of the queue were taken. */
  private taken = 0;
  /** What the last `next` is still to give. */
  private coming: Soon<SnapshotEntry | undefined> | undefined;
  private ended = false;
  private failure: { readonly error: unknown } | undefined;
  private pulling: Promise<void> | undefined;
  private isPumping = false;

  constructor(entries: EntrySupply, contents: ContentReader) {
    this.entries = entries;
    this.contents = contents;
  }

  /** The next entry if it is there. */
  take(): SnapshotEntry | undefined {
    return this.queue[this.taken] && this.shift();
  }

  /** The next entry; undefined after the last. */
  async next(): Promise<SnapshotEntry | undefined> {
    while (this.length === 0 && !this.ended) await this.pull();
    const next = this.take();
    if (!next && this.failure) throw this.failure.error;
    return next;
  }

  /** Fetches entries ahead of time, as long as they are wanted. */
  async pump(): Promise<void> {
    if (this.isPumping) return;
    this.isPumping = true;
    while (!this.ended && this.length < mostAhead && this.contents.wantsMore) await this.pull();
    this.isPumping = false;
  }

  private get length(): number {
    return this.queue.length - this.taken;
  }

  /** An array's own shift moves all that is behind. */
  private shift(): SnapshotEntry | undefined {
    const next = this.queue[this.taken];
    this.taken += 1;
    if (this.taken < this.queue.length / 2) return next;
    this.queue = this.queue.slice(this.taken);
    this.taken = 0;
    return next;
  }

  private pull(): Promise<void> {
    this.pulling ??= this.fetch().finally(() => (this.pulling = undefined));
    return this.pulling;
  }

  /** Fetches an entry, and those behind it that come at once. Never rejects: what fails is thrown when its turn has come. */
  private async fetch(): Promise<void> {
    try {
      let next = await (this.coming ?? this.entries.next());
      this.coming = undefined;
      for (let fetched = 1; next; fetched += 1) {
        this.queue.push(next);
        if (next.content) this.contents.announce(next.content);
        if (fetched === mostInOneGo) return;
        const following = this.entries.next();
        if (following instanceof Promise) {
          following.catch(() => {}); // thrown when its turn has come
          this.coming = following;
          return;
        }
        next = following;
      }
      this.ended = true;
    } catch (error) {
      this.failure = { error };
      this.ended = true;
    }
  }
}
