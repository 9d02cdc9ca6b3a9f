import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';

import { collect, KiB, MiB } from '../../../base/bytes.ts';
import { hasCode } from '../../../base/errors.ts';
import type { ObjectStore } from '../../../store/index.ts';
import { badManifest, decodeEnd, lastLineBytes, type ManifestEnd, manifestHead } from './manifest-format.ts';
import { type LineBytes, RecordLine } from './record-line.ts';

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

/** So many lines are told at once. */
const mostLines = 512;
const newline = 0x0a;
const comma = 0x2c;

/** Cuts chunks into lines, some at a time, without their newline and the comma before that. The bytes of most stay where they are. */
async function* linesOf(chunks: AsyncIterable<Uint8Array>, key: string): AsyncGenerator<RecordLine[]> {
  const lineOf = (bytes: Buffer, start: number, end: number): RecordLine =>
    new RecordLine(bytes, start, end > start && bytes[end - 1] === comma ? end - 1 : end, key);
  let rest: Buffer | undefined;
  for await (const chunk of chunks) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    let lines: RecordLine[] = [];
    let start = 0;
    for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, start)) {
      if (rest) {
        const whole = Buffer.concat([rest, bytes.subarray(0, end)]);
        lines.push(lineOf(whole, 0, whole.length));
        rest = undefined;
      } else lines.push(lineOf(bytes, start, end));
      start = end + 1;
      if (lines.length < mostLines) continue;
      yield lines;
      lines = [];
    }
    if (lines.length > 0) yield lines;
    if (start < bytes.length) rest = Buffer.concat([...(rest ? [rest] : []), bytes.subarray(start)]);
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

const headLines = manifestHead
  .trimEnd()
  .split('\n')
  .map((line) => line.replace(/,$/, ''));
const endOfEntries = '}';
const longestOther = Math.max(endOfEntries.length, ...headLines.map((line) => line.length));

/** True for a line that is no entry, but this one. */
const isLine = ({ bytes, start, end }: LineBytes, text: string): boolean =>
  end - start <= longestOther && bytes.toString('latin1', start, end) === text;

/**
 * The entries of a manifest, some at a time, in their order. Ends only when all of it has been read and is what was
 * written: vault/bad-manifest otherwise.
 */
export async function* readRecords(
  bytes: AsyncIterable<Uint8Array>,
  manifest: StoredManifest,
): AsyncGenerator<RecordLine[]> {
  const { key } = manifest;
  let inEntries = true;
  let headRead = 0;
  for await (const lines of linesOf(checked(bytes, manifest), key)) {
    let from = 0;
    for (; headRead < headLines.length && from < lines.length; headRead += 1, from += 1)
      if (!isLine(lines[from] as RecordLine, headLines[headRead] as string))
        throw badManifest(key, 'its beginning is another');
    if (!inEntries) continue;
    const end = lines.findIndex((line, at) => at >= from && isLine(line, endOfEntries));
    if (end >= 0) inEntries = false;
    const entries = lines.slice(from, end < 0 ? lines.length : end);
    // An empty mirror has one empty line in the place of its entries.
    if (entries[0]?.start === entries[0]?.end) entries.shift();
    if (entries.length > 0) yield entries;
  }
  if (inEntries) throw badManifest(key, 'it has no end');
}
