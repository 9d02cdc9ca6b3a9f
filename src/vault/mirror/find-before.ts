import { open } from 'node:fs/promises';

import { hasCode, HoldfastError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { ObjectInfo, ObjectStore } from '../../store/index.ts';
import { isCopyOf } from './manifest/local-copy.ts';
import { decodeEnd } from './manifest/manifest-format.ts';
import { findCurrentManifest, isCopy, type StoredManifest } from './manifest/manifest-reader.ts';
import type { MirrorPlace, MirrorVaultSpec } from './mirror-spec.ts';

/** The manifest that a run is to replace. */
export interface FoundManifest {
  /** What it says; undefined when there is none, or when it can't be told. */
  readonly manifest: StoredManifest | undefined;
  /** Undefined when there is none. */
  readonly etag: string | undefined;
  /** False where the store lets us list and write, and not read (s3:GetObject): then it compares no etags either. */
  readonly mayRead: boolean;
}

export interface FindBefore {
  readonly store: ObjectStore;
  readonly place: MirrorPlace;
  readonly spec: MirrorVaultSpec;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

const longestEndBytes = 64 * 1024 * 1024;

/** What the copy at `path` says, when it is one of the manifest that stands in the store. */
async function readCopy(path: string, info: ObjectInfo): Promise<StoredManifest | undefined> {
  if (!(await isCopyOf(path, info))) return undefined;
  const { key, etag, sizeBytes } = info;
  const tail = Buffer.alloc(Math.min(sizeBytes, longestEndBytes));
  const handle = await open(path);
  try {
    await handle.read(tail, 0, tail.length, sizeBytes - tail.length);
  } finally {
    await handle.close();
  }
  const end = decodeEnd(key, tail);
  const manifest = end && { ...end, key, etag, sizeBytes };
  return manifest && (await isCopy(path, manifest)) ? manifest : undefined;
}

/** Nobody can delete by a manifest and a journal that he may not read. */
function cannotDelete(denied: HoldfastError): HoldfastError {
  return new HoldfastError(denied.code, {
    message: `${denied.message}; a mirror that deletes what is gone must read its manifest`,
    hint: 'Allow s3:GetObject on the bucket, or switch "delete" off.',
    context: denied.context,
    cause: denied,
  });
}

/**
 * Finds the manifest of the run before. Where it may not be read, its copy on this machine stands in when it is one;
 * without it nothing is known, and every file is sent again.
 */
export async function findBefore({ store, place, spec, logger, signal }: FindBefore): Promise<FoundManifest> {
  const { manifestKey: key, localManifest: path } = place;
  try {
    const manifest = await findCurrentManifest(store, key, signal);
    return { manifest, etag: manifest?.etag, mayRead: true };
  } catch (error) {
    if (!hasCode(error, 'store/access-denied')) throw error;
    if (spec.delete === true) throw cannotDelete(error);
    const info = await store.head(key, signal);
    const manifest = info && path !== undefined ? await readCopy(path, info) : undefined;
    if (info && !manifest) {
      const copy = path === undefined ? 'there is no copy of it on this machine' : `${path} is no copy of it`;
      const why = `"${key}" in ${store.label} may not be read (s3:GetObject is missing), and ${copy}`;
      logger.warn(`The manifest ${why}: every file is sent again.`);
    }
    return { manifest, etag: info?.etag, mayRead: false };
  }
}
