import { KiB, MiB } from '../../../base/bytes.ts';
import { vaultError } from '../../errors.ts';
import { quoteName } from '../format/go-json.ts';
import type { Repository } from '../repository.ts';
import { BlobReader, type WantedBlob } from './blob-reader.ts';
import { zeroChunk, zeroChunkId } from './zero-chunk.ts';

/** So many plain bytes may wait for who reads. */
const windowBytes = 48 * MiB;
/** What is read ahead of the file that is open: more with each that is opened, as nobody may want the next. */
const firstAheadBytes = 2 * MiB;
/** Up to here a content is given in one piece. */
const largestWhole = 256 * KiB;

const nothing = new Uint8Array(0);

/** The content of one file of a snapshot. */
export interface FileContent {
  readonly path: Buffer;
  readonly ids: readonly string[];
  readonly sizeBytes: number;
}

/** How a file's content may be had, once. */
export interface OfferedContent {
  readonly open: (signal: AbortSignal) => AsyncGenerator<Uint8Array>;
  /** All of a small one where it is there already; valid until `leave`. To ask for it is to open it. */
  readonly ready: () => Uint8Array | undefined;
}

interface Upcoming extends FileContent {
  /** For each id that was wanted until now; undefined where none need be read. */
  readonly wanted: (WantedBlob | undefined)[];
  taken: number;
  opened: boolean;
}

/**
 * Reads the contents of files in the order of a snapshot, and those that come next ahead of time, as long as all are
 * opened. Files are announced in their order; each is then offered, and may be read until the next is offered.
 */
export class ContentReader {
  private readonly blobs: BlobReader;
  private readonly upcoming: Upcoming[] = [];
  /** How many of the upcoming are wanted whole. */
  private planned = 0;
  private current: Upcoming | undefined;
  private aheadBytes = 0;

  private failure: { readonly error: unknown } | undefined;
  private readonly onWantsMore: () => void;

  /** `onWantsMore` is called when the next files should be announced. */
  constructor(repository: Repository, options: { readonly signal: AbortSignal; readonly onWantsMore: () => void }) {
    this.blobs = new BlobReader(repository, options.signal);
    this.onWantsMore = options.onWantsMore;
  }

  /** True when the next files should be announced. */
  get wantsMore(): boolean {
    return this.planned === this.upcoming.length && this.blobs.waitingBytes < this.aheadBytes;
  }

  /** Tells of a file that will be offered. */
  announce(content: FileContent): void {
    this.upcoming.push({ ...content, wanted: [], taken: 0, opened: false });
    this.fill();
  }

  /** The next of the announced files. */
  offer(): OfferedContent {
    const file = this.upcoming.shift() as Upcoming;
    this.planned = Math.max(0, this.planned - 1);
    this.current = file;
    return { open: (signal) => this.read(file, signal), ready: () => this.ready(file) };
  }

  /** The last file that was offered will be read no more. Throws what was wrong with what was read of it. */
  leave(): void {
    if (this.failure) throw this.failure.error;
    const file = this.current;
    if (!file) return;
    this.current = undefined;
    for (const blob of file.wanted.slice(file.taken)) if (blob) this.blobs.drop(blob);
    if (!file.opened && file.ids.length > 0) this.dropAhead();
  }

  async close(): Promise<void> {
    await this.blobs.close();
  }

  private dropAhead(): void {
    this.aheadBytes = 0;
    this.planned = 0;
    for (const { wanted } of this.upcoming) for (const blob of wanted.splice(0)) if (blob) this.blobs.drop(blob);
  }

  private begin(file: Upcoming): void {
    file.opened = true;
    this.aheadBytes = Math.min(windowBytes, Math.max(firstAheadBytes, this.aheadBytes * 2));
  }

  /** What is wrong with it, `read` tells. */
  private ready(file: Upcoming): Uint8Array | undefined {
    const { ids, sizeBytes, wanted } = file;
    if (ids.length === 0 && sizeBytes === 0) return nothing;
    if (ids.length !== 1 || sizeBytes > largestWhole || this.current !== file) return undefined;
    this.begin(file);
    this.fill();
    const plain = wanted[0] && this.blobs.ready(wanted[0]);
    return plain?.length === sizeBytes ? plain : undefined;
  }

  private async *read(file: Upcoming, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    this.begin(file);
    try {
      let done = 0;
      for (const id of file.ids) {
        signal.throwIfAborted();
        this.fill();
        const bytes = id === zeroChunkId ? zeroChunk : await this.take(file);
        if (this.current !== file) throw tooLate(file);
        done += bytes.length;
        if (done > file.sizeBytes) throw wrongSize(file, done);
        yield bytes;
        this.dropTaken(file);
      }
      if (done !== file.sizeBytes) throw wrongSize(file, done);
    } catch (error) {
      this.failure ??= { error };
      throw error;
    }
  }

  private take({ wanted, taken }: Upcoming): Promise<Uint8Array> {
    const blob = wanted[taken];
    return blob ? this.blobs.take(blob) : Promise.resolve(zeroChunk);
  }

  /** Who reads has asked for more: the memory of what it had may be used again. */
  private dropTaken(file: Upcoming): void {
    const blob = file.wanted[file.taken];
    if (blob && this.current === file) this.blobs.drop(blob);
    file.wanted[file.taken] = undefined;
    file.taken += 1;
  }

  /** Asks for what comes next, up to the window: at least for the blob that is needed now. */
  private fill(): void {
    const { current } = this;
    if (current?.opened) {
      if (current.wanted.length <= current.taken) this.wantNext(current);
      if (!this.wantUpTo(current, windowBytes)) return;
    }
    for (let file = this.upcoming[this.planned]; file; file = this.upcoming[this.planned]) {
      if (!this.wantUpTo(file, this.aheadBytes)) return;
      this.planned += 1;
    }
    if (this.wantsMore) this.onWantsMore();
  }

  /** True when all of the file is wanted. */
  private wantUpTo(file: Upcoming, limitBytes: number): boolean {
    while (file.wanted.length < file.ids.length) {
      if (this.blobs.waitingBytes >= limitBytes) return false;
      this.wantNext(file);
    }
    return true;
  }

  private wantNext({ ids, sizeBytes, wanted }: Upcoming): void {
    const id = ids[wanted.length];
    if (id === undefined) return;
    wanted.push(id === zeroChunkId ? undefined : this.blobs.want(id, Math.ceil(sizeBytes / ids.length)));
  }
}

const wrongSize = ({ path, sizeBytes }: FileContent, bytes: number): Error =>
  vaultError('corrupt', {
    message: `The content of "${quoteName(path)}" has ${bytes} bytes or more, where its tree says ${sizeBytes}.`,
    hint: 'The program that wrote the restore point made a mistake: restore the file from another restore point.',
  });

const tooLate = ({ path }: FileContent): Error =>
  vaultError('closed', {
    message: `The content of "${quoteName(path)}" was read after the next entry had been taken.`,
    hint: 'This is a mistake of the program: please report it.',
  });
