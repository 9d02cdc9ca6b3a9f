import { createHash } from 'node:crypto';

import { hasCode } from '../../base/errors.ts';
import type { SourceEntry } from '../../source/index.ts';
import type { ObjectStore } from '../../store/index.ts';
import { vaultError } from '../errors.ts';
import type { Uploads } from './manifest/journal.ts';
import { manifestBytes, readRecords, type StoredManifest } from './manifest/manifest-reader.ts';
import type { MirrorPlace } from './mirror-spec.ts';
import { keyOfRecord } from './mirror-writer.ts';
import { type ContentRecord, entryOf, hasContent, type ManifestRecord } from './manifest/record.ts';

/** What is needed to read one mirror. */
export interface MirrorReading {
  readonly store: ObjectStore;
  readonly manifest: StoredManifest;
  readonly place: MirrorPlace;
  readonly uploads: Uploads;
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

export const missingObject = (store: ObjectStore, key: string, cause?: unknown): Error =>
  vaultError('missing-object', {
    message: `The object "${key}" is missing in ${store.label}.`,
    hint: 'Someone deleted or moved it. A restore with --exclude brings back all others; the next run sends it again when it is given "full".',
    context: { key },
    cause,
  });

const corrupt = (key: string, sizeBytes: number, record: ContentRecord): Error =>
  vaultError(sizeBytes === record.facts.size ? 'corrupt' : 'wrong-size', {
    message: `The object "${key}" is not what was backed up: ${sizeBytes} bytes, expected ${record.facts.size} with SHA-256 ${record.facts.sha256.slice(0, 16)}….`,
    hint: 'Someone changed it, or a run is under way: then try again when it has ended. A restore with --exclude brings back all others; a run with "full" sends it anew.',
    context: { key },
  });

/** The bytes of a record's object; at their end they are compared with the record. */
async function* checkedContent(
  reading: MirrorReading,
  record: ContentRecord,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { store, place, onBytes } = reading;
  const key = keyOfRecord(place, record);
  const hash = createHash('sha256');
  let sizeBytes = 0;
  try {
    for await (const chunk of store.get(key, { signal })) {
      sizeBytes += chunk.length;
      // What is too long is not handed on: a target may have made room for so many bytes and no more.
      if (sizeBytes > record.facts.size) throw corrupt(key, sizeBytes, record);
      hash.update(chunk);
      onBytes?.(chunk.length);
      yield chunk;
    }
  } catch (error) {
    throw hasCode(error, 'store/not-found') ? missingObject(store, key, error) : error;
  }
  if (sizeBytes !== record.facts.size || hash.digest('hex') !== record.facts.sha256)
    throw corrupt(key, sizeBytes, record);
}

/** Reads a file's object and compares it with the record. Throws what is wrong. */
export async function checkContent(reading: MirrorReading, record: ContentRecord, signal: AbortSignal): Promise<void> {
  for await (const _chunk of checkedContent(reading, record, signal));
}

const contentCodes = ['vault/corrupt', 'vault/wrong-size', 'vault/missing-object'];

/**
 * What a file's object really is: what the manifest says, or, after a run that did not end, one of those that its
 * journal says. Throws what is wrong with the first when none of them is there.
 */
export async function trueRecord(
  reading: MirrorReading,
  record: ContentRecord,
  signal: AbortSignal,
): Promise<ContentRecord> {
  if (!reading.uploads.mayHold(record.path)) return record;
  const others = await reading.uploads.recordsOf(record.path, signal);
  let first: { readonly error: unknown } | undefined;
  for (const candidate of [record, ...others]) {
    if (!hasContent(candidate)) continue;
    try {
      await checkContent({ ...reading, onBytes: undefined }, candidate, signal);
      return candidate;
    } catch (error) {
      if (!hasCode(error, ...contentCodes)) throw error;
      first ??= { error };
    }
  }
  throw first?.error;
}

/** An entry with its content, for a file that has one. */
async function readEntry(reading: MirrorReading, record: ManifestRecord, signal: AbortSignal): Promise<SourceEntry> {
  if (!hasContent(record)) return entryOf(record);
  const real = await trueRecord(reading, record, signal);
  return { ...entryOf(real), open: (opened) => checkedContent(reading, real, opened) };
}

/**
 * The entries of a mirror at the state of its manifest; what a run that did not end has overwritten comes as that run
 * saw it. Each content is checked against its SHA-256 when it has been read, the manifest as a whole at the end.
 */
export async function* readMirror(reading: MirrorReading, signal: AbortSignal): AsyncGenerator<SourceEntry> {
  const { store, manifest } = reading;
  for await (const records of readRecords(await manifestBytes(store, manifest, { signal }), manifest)) {
    for (const record of records) {
      signal.throwIfAborted();
      yield await readEntry(reading, record, signal);
    }
  }
}
