import { createHash } from 'node:crypto';

import { forEachConcurrently } from '../../base/concurrency.ts';
import { hasCode, HoldfastError } from '../../base/errors.ts';
import type { VerifyFinding } from '../vault.ts';
import { badManifest } from './manifest/manifest-format.ts';
import { manifestBytes, readRecords } from './manifest/manifest-reader.ts';
import { keyOfRecord } from './mirror-writer.ts';
import { checkContent, missingObject, type MirrorReading, trueRecord } from './read-mirror.ts';
import { type ContentRecord, hasContent } from './manifest/record.ts';

const checksInFlight = 16;
/** More are only counted. */
const mostFindings = 1000;

class Findings {
  readonly list: VerifyFinding[] = [];
  private more = 0;

  add({ code, message }: VerifyFinding): void {
    if (this.list.length < mostFindings) this.list.push({ code, message });
    else this.more += 1;
  }

  all(): VerifyFinding[] {
    if (this.more === 0) return this.list;
    return [...this.list, { code: 'vault/corrupt', message: `${this.more} more files are not what was backed up.` }];
  }
}

/** 48 bits of a key's digest, so that the sizes of a million objects fit into memory. */
const markOf = (key: string): number => createHash('sha1').update(key).digest().readUIntBE(0, 6);

async function sizesOf({ store, place }: MirrorReading, signal: AbortSignal): Promise<ReadonlyMap<number, number>> {
  const sizes = new Map<number, number>();
  for await (const { key, sizeBytes } of store.list({ prefix: place.prefix, signal }))
    sizes.set(markOf(key), sizeBytes);
  return sizes;
}

/** Looks whether the object of a record, or of one in the journal, is there with its size. Throws what is wrong. */
async function checkSize(reading: MirrorReading, record: ContentRecord, signal: AbortSignal): Promise<void> {
  const { store, place, uploads } = reading;
  const candidates = [record, ...(await uploads.recordsOf(record.path, signal))];
  const infos = await Promise.all(candidates.map((each) => store.head(keyOfRecord(place, each), signal)));
  if (infos.some((info, at) => info !== undefined && info.sizeBytes === candidates[at]?.facts.size)) return;
  if (infos.every((info) => info === undefined)) throw missingObject(store, keyOfRecord(place, record));
  await checkContent(reading, record, signal); // says in which way it is wrong
}

/** What is wrong with a mirror; errors of the store other than a missing object are thrown. */
export async function verifyMirror(
  reading: MirrorReading,
  { readData, signal }: { readonly readData: boolean; readonly signal: AbortSignal },
): Promise<VerifyFinding[]> {
  const { store, manifest, place } = reading;
  const findings = new Findings();
  const sizes = readData ? undefined : await sizesOf(reading, signal);
  let files = 0;
  const check = async (record: ContentRecord): Promise<void> => {
    try {
      if (readData) return await checkContent(reading, await trueRecord(reading, record, signal), signal);
      if (sizes?.get(markOf(keyOfRecord(place, record))) === record.facts.size) return;
      await checkSize(reading, record, signal);
    } catch (error) {
      if (signal.aborted || !isFinding(error)) throw error;
      findings.add(error);
    }
  };
  async function* contents(): AsyncGenerator<ContentRecord> {
    for await (const records of readRecords(await manifestBytes(store, manifest, { signal }), manifest)) {
      for (const record of records) {
        if (record.facts.type === undefined) files += 1;
        if (hasContent(record)) yield record;
      }
    }
    if (files !== manifest.facts.files)
      throw badManifest(manifest.key, `it has ${files} files, not as many as it says`);
  }
  try {
    await forEachConcurrently(contents(), checksInFlight, check);
  } catch (error) {
    if (signal.aborted || !isFinding(error)) throw error;
    findings.add(error);
  }
  return findings.all();
}

export const isFinding = (error: unknown): error is HoldfastError =>
  error instanceof HoldfastError && (error.code.startsWith('vault/') || hasCode(error, 'store/not-found'));
