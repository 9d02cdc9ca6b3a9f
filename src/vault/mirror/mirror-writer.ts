import { hash } from 'node:crypto';

import { KiB } from '../../base/bytes.ts';
import type { Soon } from '../../base/concurrency.ts';
import { messageOf } from '../../base/errors.ts';
import { type FileState, isBelow, type Need, type Problem, type SourceEntry } from '../../source/index.ts';
import type { ObjectStore } from '../../store/index.ts';
import { vaultError } from '../errors.ts';
import type { FileEvents } from '../file-events.ts';
import type { RestorePointWriter } from '../vault.ts';
import type { Batch, SmallFile } from './batch.ts';
import type { Journal, JournalWriter } from './manifest/journal.ts';
import type { ManifestStream, PendingLine } from './manifest/manifest-stream.ts';
import type { MirrorPlace } from './mirror-spec.ts';
import { escapePath, objectKey } from './object-key.ts';
import type { PreviousEntries } from './manifest/previous-entries.ts';
import {
  type ContentRecord,
  contentRecordOf,
  encodeRecord,
  hasContent,
  isOfState,
  type ManifestRecord,
  recordOf,
} from './manifest/record.ts';
import { type Line, lineOfKnown, RecordLine } from './manifest/record-line.ts';
import { type LargeFile, Uploader } from './uploader.ts';

export interface MirrorWriterOptions {
  readonly store: ObjectStore;
  readonly place: MirrorPlace;
  readonly previous: PreviousEntries;
  /** What earlier runs may have left: their files are sent again. */
  readonly journal: Journal;
  readonly newJournal: JournalWriter;
  readonly manifest: ManifestStream;
  readonly shape: 'tree' | 'file';
  readonly full: boolean;
  /** True when the run before left out nothing that this process would find: attributes above all. */
  readonly isWhole: boolean;
  /** Of which files it has less than the truth. */
  readonly isHalfRead: (path: Buffer) => boolean;
  /** Folders that are not believed when they are empty all of a sudden: their paths (as latin1), and what people call them. */
  readonly roots: ReadonlyMap<string, string>;
  readonly events: FileEvents;
  readonly signal: AbortSignal;
  /** Told of an object that no file of the new manifest has. */
  readonly onUnused: (key: string) => Promise<void>;
}

/** A file up to this size is sent in the background, from memory. */
const smallBytes = 256 * KiB;

/** The key of a record's object. */
export function keyOfRecord(place: MirrorPlace, { path, facts }: ManifestRecord): string {
  return facts.key ?? objectKey(place, path);
}

/** Sends what is new or changed, and writes down all that is there. */
export class MirrorWriter implements RestorePointWriter {
  files = 0;
  /** Of all names, those of one file counted once: what a restore brings back and the store holds. */
  sizeBytes = 0;
  /** One for each file that the store did not take. */
  readonly problems: Problem[] = [];
  /** True when something stands in the manifest that this run has not seen. */
  keptUnread = false;
  /** What may stand in the place of an object that could not be overwritten. */
  readonly doubtful: ManifestRecord[] = [];
  private openRoot: Buffer | undefined;
  private readonly options: MirrorWriterOptions;
  private readonly uploader: Uploader;
  private readonly lost = new Set<string>();
  /** The paths of this run that a dead one before it had noted in the journal. */
  private readonly sentAgain = new Set<string>();

  constructor(options: MirrorWriterOptions) {
    this.options = options;
    this.uploader = new Uploader({
      store: options.store,
      prefix: options.place.prefix,
      signal: options.signal,
      events: options.events,
      willStore: (lines, overwrites) => options.newJournal.willStore(lines, overwrites),
      onFailed: (path, error) => {
        this.problems.push({ path: escapePath(path), kind: 'not-stored', message: `${messageOf(error)}.` });
      },
    });
  }

  readonly needs = (file: FileState): Need | Promise<Need> => {
    const old = this.options.previous.ask(file.path);
    return old instanceof Promise ? old.then((record) => this.needOf(file, record)) : this.needOf(file, old);
  };

  private needOf(file: FileState, old: RecordLine | undefined): Need {
    if (this.options.isWhole && old?.isOfState(file) && this.mayKeep(file)) return 'nothing';
    const known = this.unchanged(file, old);
    if (!known) return 'content';
    return this.options.isWhole && isOfState(known, file) ? 'nothing' : 'facts';
  }

  add(entry: SourceEntry): void | Promise<void> {
    const fail = (error: unknown): never => {
      this.options.manifest.fail(error);
      throw error;
    };
    try {
      this.uploader.check();
      if (this.concernsRoot(entry)) return this.takeAtRoot(entry).catch(fail);
      const old = this.options.previous.take(entry.path);
      const taking = old instanceof Promise ? old.then((record) => this.take(entry, record)) : this.take(entry, old);
      return taking?.catch(fail);
    } catch (error) {
      return fail(error);
    }
  }

  /** True for what may tell that a folder of the source could not be read, or is empty all of a sudden. */
  private concernsRoot({ path, type, unread }: SourceEntry): boolean {
    const isRoot = type === 'directory' && this.options.roots.has(path.toString('latin1'));
    return unread === true || this.openRoot !== undefined || isRoot;
  }

  private async takeAtRoot(entry: SourceEntry): Promise<void> {
    await this.leaveRoot(entry.path);
    const old = await this.options.previous.take(entry.path);
    if (entry.type === 'directory' && this.options.roots.has(entry.path.toString('latin1'))) this.openRoot = entry.path;
    if (entry.unread === true) await this.keepAsItWas(entry.path, old);
    else await this.take(entry, old);
  }

  private take(entry: SourceEntry, old: RecordLine | undefined): void | Promise<void> {
    const { manifest, journal } = this.options;
    if (entry.type !== 'file' || entry.hardLinkTo) {
      // Whether what it names was stored is known in its turn.
      const line = entry.hardLinkTo ? () => this.lineOf(recordOf(entry)) : this.countedLine(recordOf(entry));
      return hasContent(old) ? this.pushInstead(line, old) : manifest.push(line);
    }
    if (journal.uploads.mayHold(entry.path)) this.sentAgain.add(escapePath(entry.path));
    if (entry.asBefore === true && old) {
      this.files += 1;
      this.sizeBytes += entry.sizeBytes ?? 0;
      return manifest.push(old);
    }
    const known = this.unchanged(entry, old);
    if (!known) return this.send(entry, old);
    this.count(known);
    return manifest.push(lineOfKnown(entry, known));
  }

  /** Of an entry that has taken the place of a file. */
  private async pushInstead(line: PendingLine, old: ContentRecord): Promise<void> {
    await this.options.onUnused(keyOfRecord(this.options.place, old));
    await this.options.manifest.push(line);
  }

  /** Reads a file's content to its end, and stores it in the background where it is small. */
  private send(entry: SourceEntry, old: ManifestRecord | undefined): Soon<void> {
    if (entry.sizeBytes === undefined || entry.sizeBytes > smallBytes) return this.sendLarge(entry, old);
    const room = this.uploader.room();
    if (entry.content && !room) return this.sendSmall(entry, old, entry.content);
    return this.readAndSend(entry, old, room);
  }

  private async readAndSend(
    entry: SourceEntry,
    old: ManifestRecord | undefined,
    room: Promise<void> | undefined,
  ): Promise<void> {
    const content = entry.content ?? (await readWhole(entry, entry.open?.(this.options.signal) ?? nothing()));
    // Others may have come before when it has been read; `add` is never under way twice.
    await room;
    await this.sendSmall(entry, old, content);
  }

  private sendSmall(entry: SourceEntry, old: ManifestRecord | undefined, bytes: Uint8Array): Soon<void> {
    if (bytes.length !== entry.sizeBytes) throw wrongSize(entry, bytes.length);
    const { path } = entry;
    const record = contentRecordOf(entry, { size: bytes.length, sha256: hash('sha256', bytes) });
    const key = objectKey(this.options.place, path);
    const file = { path, key, overwrites: hasContent(old), record, line: encodeRecord(record), bytes, isStored: false };
    const batch = this.uploader.add(file);
    return this.options.manifest.push(() => this.lineOfSmall(file, batch, old));
  }

  private lineOfSmall(file: SmallFile, batch: Batch, old: ManifestRecord | undefined): Soon<Line | undefined> {
    if (!batch.isDone) return batch.done.then(() => this.lineOfSmall(file, batch, old));
    if (!file.isStored) return this.notStored(file.path, old, file.record);
    if (hasContent(old)) return this.stored(file.record, old);
    this.count(file.record);
    return file.line;
  }

  private async sendLarge(entry: SourceEntry, old: ManifestRecord | undefined): Promise<void> {
    const { path } = entry;
    let described: ContentRecord | undefined;
    const file: LargeFile = {
      path,
      key: objectKey(this.options.place, path),
      overwrites: hasContent(old),
      describe: ({ size, sha256 }) => {
        if (entry.sizeBytes !== undefined && size !== entry.sizeBytes) throw wrongSize(entry, size);
        return (described = contentRecordOf(entry, { size, sha256 }));
      },
    };
    const record = await this.uploader.stream(file, entry.open?.(this.options.signal) ?? nothing());
    await this.options.manifest.push(() => (record ? this.stored(record, old) : this.notStored(path, old, described)));
  }

  /** Keeps what the manifest has of a folder that could not be read: it may be an unmounted disk, or a broken one. False when it has nothing. */
  private async keepAsItWas(folder: Buffer, old: ManifestRecord | undefined): Promise<boolean> {
    const { manifest, previous, journal, signal } = this.options;
    let kept = false;
    const keep = async (record: ManifestRecord): Promise<void> => {
      kept = true;
      if (journal.uploads.mayHold(record.path))
        this.doubtful.push(...(await journal.uploads.recordsOf(record.path, signal)));
      await manifest.push(() => this.lineOf(record));
    };
    if (old) await keep(old);
    for await (const record of previous.below(folder)) await keep(record);
    this.keptUnread ||= kept;
    return kept;
  }

  /** Told when no entry follows. */
  async endEntries(): Promise<void> {
    try {
      await this.leaveRoot(undefined);
    } catch (error) {
      this.options.manifest.fail(error);
      throw error;
    }
  }

  /** Nothing is deleted because of a folder that is empty all of a sudden: an unmounted disk leaves one. */
  private async leaveRoot(next: Buffer | undefined): Promise<void> {
    const root = this.openRoot;
    this.openRoot = undefined;
    if (root === undefined || (next !== undefined && isBelow(next, root))) return;
    if (!(await this.keepAsItWas(root, undefined))) return;
    const path = escapePath(root);
    const name = this.options.roots.get(root.toString('latin1')) ?? path;
    const error = vaultError('suddenly-empty', {
      message: `The folder ${name} is empty, and was not when it was last backed up: what the mirror has of it stays.`,
      hint: 'Mount the disk that should be there. If it is right, run once with "full" (--no-incremental).',
    });
    this.problems.push({ path, kind: 'not-stored', message: error.message });
    this.options.events.onFileFailed?.({ path: name, error });
  }

  /** What dead runs sent, or were about to, of files that the source has no more: no manifest ever knew these. */
  async orphans(): Promise<ManifestRecord[]> {
    const all = await Array.fromAsync(this.options.journal.uploads.all(this.options.signal));
    return all.filter(({ path }) => !this.sentAgain.has(escapePath(path)));
  }

  /** Waits for all that is under way. Throws what ended the run. */
  async finish(): Promise<void> {
    await this.uploader.finish();
  }

  /** Waits for all that is under way, whatever became of it. */
  async settle(): Promise<void> {
    await this.uploader.settle();
  }

  /** The record to keep of a file that is as it was; undefined when it has to be sent. */
  private unchanged(file: FileState, old: ManifestRecord | undefined): ContentRecord | undefined {
    if (!hasContent(old)) return undefined;
    const { size, mtimeNs } = old.facts;
    if (size !== file.sizeBytes || mtimeNs !== file.mtimeNs.toString()) return undefined;
    return this.mayKeep(file) ? old : undefined;
  }

  /** False for a file that is sent whatever the manifest says. */
  private mayKeep({ path }: FileState): boolean {
    const { full, isHalfRead, journal } = this.options;
    return !full && !isHalfRead(path) && !journal.uploads.mayHold(path);
  }

  /** The line of a file that was sent and is stored. */
  private stored(record: ContentRecord, old: ManifestRecord | undefined): Soon<Line | undefined> {
    const { place, onUnused } = this.options;
    const isOther = hasContent(old) && keyOfRecord(place, old) !== keyOfRecord(place, record);
    if (isOther) return onUnused(keyOfRecord(place, old)).then(() => this.lineOf(record));
    return this.lineOf(record);
  }

  /** What stands for a file that the store did not take; `may` is what its object may have become, once that is known. */
  private async notStored(
    path: Buffer,
    old: ManifestRecord | undefined,
    may: ContentRecord | undefined,
  ): Promise<Line | undefined> {
    const { shape, journal, signal } = this.options;
    if (shape === 'file') {
      throw vaultError('uploads-failed', {
        message: `"${escapePath(path)}" could not be stored in ${this.options.store.label}: ${this.problems[0]?.message ?? ''}`,
        hint: 'See why the store does not take it, then run the backup again.',
      });
    }
    if (hasContent(old)) {
      if (may) this.doubtful.push(may);
      this.doubtful.push(...(await journal.uploads.recordsOf(path, signal)));
      return this.lineOf(old);
    }
    this.lost.add(escapePath(path));
    return undefined;
  }

  /** `countedLine`, unless the record is a name of a file that is not there. */
  private lineOf(record: ManifestRecord): Line | undefined {
    const { hardLinkTo } = record.facts;
    if (hardLinkTo === undefined || !this.lost.has(hardLinkTo)) return this.countedLine(record);
    const message = `It is another name of "${hardLinkTo}", which could not be stored.`;
    this.problems.push({ path: escapePath(record.path), kind: 'not-stored', message });
    return undefined;
  }

  /** Counts a record on its way into the manifest. */
  private countedLine(record: ManifestRecord): Line {
    this.count(record);
    return record instanceof RecordLine ? record : encodeRecord(record);
  }

  private count({ facts: { type, size = 0 } }: ManifestRecord): void {
    if (type === undefined) this.files += 1;
    this.sizeBytes += size;
  }
}

const wrongSize = ({ path, sizeBytes }: SourceEntry, size: number): Error =>
  vaultError('wrong-size', {
    message: `"${escapePath(path)}" gave ${size} bytes where ${sizeBytes} had been announced.`,
    hint: 'This is a mistake of the program: please report it.',
  });

async function* nothing(): AsyncGenerator<Uint8Array> {}

async function readWhole(entry: SourceEntry, content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const whole = Buffer.allocUnsafeSlow(entry.sizeBytes ?? 0);
  let size = 0;
  for await (const chunk of content) {
    if (size + chunk.length > whole.length) throw wrongSize(entry, size + chunk.length);
    whole.set(chunk, size);
    size += chunk.length;
  }
  if (size !== whole.length) throw wrongSize(entry, size);
  return whole;
}
