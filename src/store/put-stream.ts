import { MiB } from '../base/bytes.ts';
import type { ObjectInfo, ObjectStore, PutOptions, Upload } from './object-store.ts';

/** What is not larger than this goes in one request. */
const smallBytes = 4 * MiB;

/** How many parts may be under way beside the one that is being filled: fewer when they are large. */
function partsInFlight(partSizeBytes: number): number {
  if (partSizeBytes <= 32 * MiB) return 3;
  return partSizeBytes <= 64 * MiB ? 2 : 1;
}

/** The chunks of `first`, then what `rest` still has. */
async function* resume(first: readonly Uint8Array[], rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* first;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}

/** The memory of parts that were sent, to be filled again: V8 collects the whole heap for a few new ones. */
class FreeParts {
  private readonly free: Buffer[] = [];

  take(size: number): Buffer {
    const index = this.free.findIndex(({ length }) => length === size);
    return this.free.splice(index, index < 0 ? 0 : 1)[0] ?? Buffer.allocUnsafeSlow(size);
  }

  /** `part` was sent, and nobody looks at it any more. */
  giveBack(part: Buffer): void {
    if (this.free.length > 0) this.free.pop(); // sizes grow: one of another size won't be asked for again
    this.free.push(part);
  }
}

/** Cuts `chunks` into the parts that `upload` wants, each in memory of its own. */
async function* partsOf(upload: Upload, chunks: AsyncIterable<Uint8Array>, memory: FreeParts): AsyncGenerator<Buffer> {
  let index = 0;
  let part = memory.take(upload.partSizeBytes(0));
  let used = 0;
  for await (const chunk of chunks) {
    for (let offset = 0; offset < chunk.length;) {
      const taken = Math.min(chunk.length - offset, part.length - used);
      part.set(chunk.subarray(offset, offset + taken), used);
      offset += taken;
      used += taken;
      if (used < part.length) continue;
      yield part;
      index += 1;
      part = memory.take(upload.partSizeBytes(index));
      used = 0;
    }
  }
  if (used > 0) yield part.subarray(0, used);
}

/** Sends all parts, a few at a time, and returns how many there were. Nothing is under way when it returns or throws. */
async function sendParts(upload: Upload, chunks: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<number> {
  const memory = new FreeParts();
  const running = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | undefined;
  let count = 0;
  try {
    for await (const part of partsOf(upload, chunks, memory)) {
      signal?.throwIfAborted();
      if (failure !== undefined) break;
      const task: Promise<void> = upload.putPart(count, part).then(
        () => memory.giveBack(part),
        (error: unknown) => {
          failure ??= { error };
        },
      );
      void task.then(() => running.delete(task));
      running.add(task);
      count += 1;
      if (running.size >= partsInFlight(part.length)) await Promise.race(running);
    }
  } finally {
    await Promise.all(running);
  }
  if (failure !== undefined) throw failure.error;
  return count;
}

/** Metadata is sent before the bytes: only of an object that was read whole can it say the size. */
const withSize = (options: PutOptions, sizeBytes: number): PutOptions =>
  options.metadata ? { ...options, metadata: { ...options.metadata, size: String(sizeBytes) } } : options;

async function uploadAll(upload: Upload, chunks: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<ObjectInfo> {
  try {
    const count = await sendParts(upload, chunks, signal);
    signal?.throwIfAborted();
    return await upload.complete(count);
  } catch (error) {
    // What can't be removed now is found by a later sweep; the first failure is the one to tell.
    await upload.abort().catch(() => {});
    throw error;
  }
}

/**
 * Writes an object of unknown size in bounded memory (about four parts). The object becomes visible when all chunks
 * have been read and stored, and not at all when reading or storing fails or the signal is aborted. Where there is
 * metadata, an object that went in one request gets its size in it too.
 */
export async function putStream(
  store: ObjectStore,
  key: string,
  chunks: AsyncIterable<Uint8Array>,
  options: PutOptions = {},
): Promise<ObjectInfo> {
  const iterator = chunks[Symbol.asyncIterator]();
  const first: Uint8Array[] = [];
  let sizeBytes = 0;
  let ended = false;
  try {
    while (sizeBytes <= smallBytes) {
      options.signal?.throwIfAborted();
      const next = await iterator.next();
      if (next.done === true) {
        ended = true;
        return await store.put(key, Buffer.concat(first, sizeBytes), withSize(options, sizeBytes));
      }
      first.push(Buffer.from(next.value));
      sizeBytes += next.value.length;
    }
    const upload = await store.startUpload(key, options);
    return await uploadAll(upload, resume(first.splice(0), iterator), options.signal);
  } finally {
    if (!ended) await iterator.return?.();
  }
}
