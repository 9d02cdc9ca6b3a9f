import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { StringDecoder } from 'node:string_decoder';

import { collect, KiB, MiB } from '../../base/bytes.ts';
import { hasCode, HoldfastError } from '../../base/errors.ts';
import type { ObjectStore } from '../../store/index.ts';
import { badManifest, decodeEnd, lastLineBytes, type ManifestEnd, manifestHead } from './manifest-format.ts';
import { decodeRecord, type ManifestRecord } from './record.ts';

/** A manifest as it stood in the store at one moment. */
export interface StoredManifest extends ManifestEnd {
  readonly key: string;
  readonly etag: string;
  readonly sizeBytes: number;
}

const firstTailBytes = 64 * KiB;
/** Row counts of many tables and a thousand problems make an end long, but not longer than this. */
const longestTailBytes = 64 * MiB;

/** Looks at a manifest's end. Undefined when there is none. Errors as in `decodeEnd`. */
export async function findManifest(
  store: ObjectStore,
  key: string,
  signal: AbortSignal,
): Promise<StoredManifest | undefined> {
  const info = await store.head(key, signal);
  if (info === undefined) return undefined;
  const { etag, sizeBytes } = info;
  for (let tailBytes = firstTailBytes; ; tailBytes *= 8) {
    const length = Math.min(tailBytes, sizeBytes);
    const tail = await collect(store.get(key, { offset: sizeBytes - length, length, ifMatch: etag, signal }), length);
    const end = decodeEnd(key, tail);
    if (end) return { ...end, key, etag, sizeBytes };
    if (length === sizeBytes || tailBytes > longestTailBytes) throw badManifest(key, 'its end is not found');
  }
}

/** The same, once more when it is replaced while it is looked at. */
export async function findCurrentManifest(
  store: ObjectStore,
  key: string,
  signal: AbortSignal,
): Promise<StoredManifest | undefined> {
  try {
    return await findManifest(store, key, signal);
  } catch (error) {
    if (!hasCode(error, 'store/changed', 'store/not-found')) throw error;
    return findManifest(store, key, signal);
  }
}

/** True when the file at `path` holds exactly what the store has. */
export async function isCopy(path: string, manifest: StoredManifest): Promise<boolean> {
  try {
    if ((await stat(path)).size !== manifest.sizeBytes) return false;
    const handle = await open(path);
    try {
      const last = Buffer.alloc(lastLineBytes);
      await handle.read(last, 0, last.length, manifest.sizeBytes - last.length);
      if (!last.includes(manifest.all)) return false;
    } finally {
      await handle.close();
    }
    const hash = createHash('sha256');
    const end = manifest.sizeBytes - lastLineBytes - 1;
    for await (const chunk of createReadStream(path, { end, highWaterMark: MiB })) hash.update(chunk as Buffer);
    return hash.digest('hex') === manifest.all;
  } catch {
    return false; // a copy that can't be read is none: the store has the original
  }
}

/** The bytes of a manifest: from its copy at `localPath` when that is one, else from the store. */
export async function manifestBytes(
  store: ObjectStore,
  manifest: StoredManifest,
  { signal, localPath }: { readonly signal: AbortSignal; readonly localPath?: string | undefined },
): Promise<AsyncIterable<Uint8Array>> {
  if (localPath !== undefined && (await isCopy(localPath, manifest)))
    return createReadStream(localPath, { highWaterMark: MiB });
  return store.get(manifest.key, { ifMatch: manifest.etag, signal });
}

/** So much is decoded at once: lines that wait are memory. */
const sliceBytes = 64 * KiB;

/** Cuts chunks into lines without their newline, as many as each slice of a chunk completes. */
async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string[]> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of chunks) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    for (let at = 0; at < bytes.length; at += sliceBytes) {
      const lines = (rest + decoder.write(bytes.subarray(at, at + sliceBytes))).split('\n');
      rest = lines.pop() ?? '';
      if (lines.length > 0) yield lines;
    }
  }
}

/** Passes chunks on and compares, at their end, the digest of all but the last line with what the manifest says. */
async function* checked(chunks: AsyncIterable<Uint8Array>, manifest: StoredManifest): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  let left = manifest.sizeBytes - lastLineBytes;
  for await (const chunk of chunks) {
    hash.update(chunk.subarray(0, Math.max(0, left)));
    left -= chunk.length;
    yield chunk;
  }
  if (hash.digest('hex') !== manifest.all) throw badManifest(manifest.key, 'its checksum does not match');
}

/**
 * The entries of a manifest, some at a time, in their order. Ends only when all of it has been read and is what was
 * written: vault/bad-manifest otherwise.
 */
export async function* readRecords(
  bytes: AsyncIterable<Uint8Array>,
  manifest: StoredManifest,
): AsyncGenerator<ManifestRecord[]> {
  const head = manifestHead.trimEnd().split('\n');
  let inEntries = true;
  let headLeft = head.length;
  try {
    for await (const lines of linesOf(checked(bytes, manifest))) {
      let from = 0;
      for (; headLeft > 0 && from < lines.length; headLeft -= 1, from += 1)
        if (lines[from] !== head[head.length - headLeft]) throw new TypeError('its beginning is another');
      if (!inEntries) continue;
      const end = lines.indexOf('},', from);
      if (end >= 0) inEntries = false;
      // An empty mirror has one empty line in the place of its entries.
      const entries = lines.slice(from, end < 0 ? lines.length : end).filter((line) => line !== '');
      if (entries.length > 0) yield entries.map(decodeRecord);
    }
    if (inEntries) throw new TypeError('it has no end');
  } catch (error) {
    if (error instanceof HoldfastError || !(error instanceof SyntaxError || error instanceof TypeError)) throw error;
    throw badManifest(manifest.key, error.message, error);
  }
}
