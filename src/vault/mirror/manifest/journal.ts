import { createHash, randomUUID } from 'node:crypto';

import { collect, MiB } from '../../../base/bytes.ts';
import { mapOrdered } from '../../../base/concurrency.ts';
import { hasCode } from '../../../base/errors.ts';
import { type ObjectStore, putAll } from '../../../store/index.ts';
import { badManifest } from './manifest-format.ts';
import { decodeRecord, encodeRecord, type ManifestRecord } from './record.ts';

/**
 * The journal of a mirror: small objects below "<manifest>.pending/".
 *
 * An *uploads* segment lists, as records, what objects are about to become, and is written before the first of them is
 * touched. Until a manifest is written that knows them, each object is what the manifest says or what a segment says.
 *
 * A *removals* segment lists keys that are to be deleted once the manifest is the one of run `once` (null: once there is
 * none), and not otherwise.
 */
export interface Journal {
  readonly uploads: Uploads;
  readonly removals: readonly Removals[];
  /** Uploads segments that may not be read: any object may be what they say. */
  readonly unreadable: readonly string[];
  /** The keys of all segments. */
  readonly keys: readonly string[];
}

/** A removals segment; what it lists is read when it is carried out. */
export interface Removals {
  readonly segment: string;
  /** What `onceMark` makes of the run. */
  readonly once: string;
}

const largestSegmentBytes = 64 * MiB;
const readsInFlight = 8;
const uploadsHead = '{"holdfast":"mirror uploads","entries":{\n';
const uploadsName = 'uploads-';
const removalsName = /^removals-([0-9a-z]+)-/;

const textOf = async (store: ObjectStore, key: string, signal?: AbortSignal): Promise<string> =>
  (await collect(store.get(key, signal ? { signal } : {}), largestSegmentBytes)).toString('utf8');

/** 48 bits of a path's digest: two paths of a million share one in about one of 500 mirrors, which costs an upload. */
const pathMark = (path: Buffer): number => createHash('sha1').update(path).digest().readUIntBE(0, 6);

function decodeUploads(key: string, text: string): ManifestRecord[] {
  try {
    if (!text.startsWith(uploadsHead)) throw new TypeError('its beginning is another');
    const lines = text.slice(uploadsHead.length).split('\n');
    if (lines.at(-2) !== '}}') throw new TypeError('it is cut off');
    return lines.slice(0, -2).map(decodeRecord);
  } catch (error) {
    throw badManifest(key, 'this part of the journal is damaged', error);
  }
}

/** What objects may be beside what the manifest says; holds only marks of the paths, and reads the records when they are wanted. */
export class Uploads {
  private readonly store: ObjectStore;
  private unknown = false;
  private readonly segments: string[] = [];
  /** The number of a segment, or of several. */
  private readonly marks = new Map<number, number | readonly number[]>();
  private readonly lastRead: { readonly index: number; readonly records: readonly ManifestRecord[] }[] = [];

  constructor(store: ObjectStore) {
    this.store = store;
  }

  add(segment: string, records: readonly ManifestRecord[]): void {
    const index = this.segments.push(segment) - 1;
    for (const { path } of records) {
      const mark = pathMark(path);
      const known = this.marks.get(mark);
      this.marks.set(mark, known === undefined ? index : [...[known].flat(), index]);
    }
  }

  /** There are records of which nothing is known. */
  addUnreadable(): void {
    this.unknown = true;
  }

  /** False when the path's object is certainly what the manifest says. */
  mayHold(path: Buffer): boolean {
    return this.unknown || (this.marks.size > 0 && this.marks.has(pathMark(path)));
  }

  /** All that the object of `path` may be beside what the manifest says. */
  async recordsOf(path: Buffer, signal: AbortSignal): Promise<ManifestRecord[]> {
    const found: ManifestRecord[] = [];
    for (const index of new Set([this.marks.get(pathMark(path)) ?? []].flat()))
      found.push(...(await this.segment(index, signal)).filter((record) => record.path.equals(path)));
    return found;
  }

  /** Every record of every segment: what runs that died may have sent. */
  async *all(signal: AbortSignal): AsyncGenerator<ManifestRecord> {
    for (const index of this.segments.keys()) yield* await this.segment(index, signal);
  }

  private async segment(index: number, signal: AbortSignal): Promise<readonly ManifestRecord[]> {
    const known = this.lastRead.find((read) => read.index === index);
    if (known) return known.records;
    const key = this.segments[index] ?? '';
    const records = decodeUploads(key, await textOf(this.store, key, signal));
    this.lastRead.push({ index, records });
    if (this.lastRead.length > readsInFlight) this.lastRead.shift();
    return records;
  }
}

/** A run's id, or that there is none, as part of a segment's name. */
const onceMark = (once: string | null): string =>
  once === null ? 'none' : createHash('sha256').update(once).digest('hex').slice(0, 16);

/** Reads the journal, or what of it is older than `olderThan`, as far as it may be read. vault/bad-manifest when a part of it is damaged. Other objects there are left alone. */
export async function readJournal(
  store: ObjectStore,
  pendingPrefix: string,
  signal: AbortSignal,
  olderThan?: Date,
): Promise<Journal> {
  const uploads = new Uploads(store);
  const removals: Removals[] = [];
  const uploadSegments: string[] = [];
  for await (const { key, modifiedAt } of store.list({ prefix: pendingPrefix, signal })) {
    if (olderThan && modifiedAt >= olderThan) continue;
    const name = key.slice(pendingPrefix.length);
    const removal = removalsName.exec(name);
    if (removal) removals.push({ segment: key, once: removal[1] ?? '' });
    else if (name.startsWith(uploadsName)) uploadSegments.push(key);
  }
  const unreadable: string[] = [];
  const read = async (key: string): Promise<readonly [string, ManifestRecord[] | undefined]> => {
    try {
      return [key, decodeUploads(key, await textOf(store, key, signal))];
    } catch (error) {
      if (!hasCode(error, 'store/access-denied')) throw error;
      return [key, undefined];
    }
  };
  for await (const [key, records] of mapOrdered(uploadSegments, readsInFlight, read)) {
    if (records) uploads.add(key, records);
    else unreadable.push(key);
  }
  if (unreadable.length > 0) uploads.addUnreadable();
  return { uploads, removals, unreadable, keys: [...uploadSegments, ...removals.map(({ segment }) => segment)] };
}

interface Waiting {
  readonly lines: readonly string[];
  readonly overwrites: boolean;
  readonly done: PromiseWithResolvers<void>;
}

const keysPerRemoval = 1000;
const recordsPerSegment = 1000;

function throwFailure(_index: number, error?: unknown): void {
  if (error !== undefined) throw error as Error;
}

/** Writes the segments of one run. */
export class JournalWriter {
  /** The keys of the uploads segments that were or may have been written. */
  readonly uploadSegments: string[] = [];
  readonly removalSegments: Removals[] = [];
  private readonly store: ObjectStore;
  private readonly pendingPrefix: string;
  private readonly run = randomUUID();
  private readonly signal: AbortSignal;
  private waiting: Waiting[] = [];
  private writing: Promise<void> | undefined;
  private removing: string[] = [];

  constructor(store: ObjectStore, pendingPrefix: string, signal: AbortSignal) {
    this.store = store;
    this.pendingPrefix = pendingPrefix;
    this.signal = signal;
  }

  /**
   * Takes records as lines of a manifest. Resolves when the journal says that the object of each one's path may become what
   * it says; durable when any overwrites one that a manifest knows: that must survive a power cut, new ones only other runs.
   */
  willStore(lines: readonly string[], overwrites: boolean): Promise<void> {
    const done = Promise.withResolvers<void>();
    this.waiting.push({ lines, overwrites, done });
    this.writing ??= this.writeAll();
    return done.promise;
  }

  /** Notes a key for deletion once the manifest is that of run `once`. */
  async willRemove(key: string, once: string | null): Promise<void> {
    this.removing.push(key);
    if (this.removing.length >= keysPerRemoval) await this.flushRemovals(once);
  }

  /** Makes the notes of `willRemove` durable. */
  async flushRemovals(once: string | null): Promise<void> {
    const keys = this.removing;
    this.removing = [];
    if (keys.length === 0) return;
    const segment = this.nextKey(`removals-${onceMark(once)}-`);
    this.removalSegments.push({ segment, once: onceMark(once) });
    await this.put(segment, JSON.stringify({ holdfast: 'mirror removals', once, keys }));
  }

  /** Writes down once more what objects may be, whatever the new manifest says; returns the segments that tell it. */
  async keep(records: readonly ManifestRecord[]): Promise<readonly string[]> {
    const before = this.uploadSegments.length;
    for (let at = 0; at < records.length; at += recordsPerSegment)
      await this.willStore(records.slice(at, at + recordsPerSegment).map(encodeRecord), true);
    return this.uploadSegments.slice(before);
  }

  /** One segment for all that ask while the one before is written. */
  private async writeAll(): Promise<void> {
    while (this.waiting.length > 0) {
      const batch = this.waiting;
      this.waiting = [];
      try {
        const lines = batch.flatMap((each) => each.lines).join(',\n');
        const isDeferred = batch.every(({ overwrites }) => !overwrites);
        const key = this.nextKey(uploadsName);
        this.uploadSegments.push(key);
        await this.put(key, `${uploadsHead}${lines}\n}}`, isDeferred);
        for (const { done } of batch) done.resolve();
      } catch (error) {
        for (const { done } of batch) done.reject(error);
      }
    }
    this.writing = undefined;
  }

  private nextKey(name: string): string {
    const number = this.uploadSegments.length + this.removalSegments.length;
    return `${this.pendingPrefix}${name}${this.run}-${String(number).padStart(6, '0')}.json`;
  }

  private async put(key: string, text: string, isDeferred = false): Promise<void> {
    const object = { key, bytes: Buffer.from(`${text}\n`) };
    const { store, signal } = this;
    if (!isDeferred) return void (await store.put(key, object.bytes, { signal }));
    await putAll(store, [object], { signal, onDone: throwFailure });
  }
}

/**
 * Carries out the removals whose moment has come, which is when the manifest is that of run `once`; of the others only
 * the segments are deleted. Returns how many objects were deleted.
 */
export async function executeRemovals(
  store: ObjectStore,
  removals: readonly Removals[],
  { once, signal }: { readonly once: string | null; readonly signal?: AbortSignal },
): Promise<number> {
  let removed = 0;
  for (const { segment, once: mark } of removals) {
    if (mark === onceMark(once)) {
      const keys = decodeRemovals(segment, await textOf(store, segment, signal));
      await store.delete(keys, signal);
      removed += keys.length;
    }
    await store.delete([segment], signal);
  }
  return removed;
}

function decodeRemovals(key: string, text: string): readonly string[] {
  try {
    const { keys } = JSON.parse(text) as { keys: string[] };
    if (keys.every((each) => typeof each === 'string')) return keys;
    throw new TypeError('its keys are none');
  } catch (error) {
    throw badManifest(key, 'this part of the journal is damaged', error);
  }
}
