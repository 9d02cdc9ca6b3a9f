import { randomUUID } from 'node:crypto';

import { collect } from '../../base/bytes.ts';
import { hasCode } from '../../base/errors.ts';
import type { ObjectInfo, ObjectStore } from '../../store/index.ts';
import { vaultError } from '../errors.ts';
import { manifestSuffix } from './manifest.ts';

/**
 * While an artefact is written, "<key>.pending.json" stands beside it: it says that the artefact is ours and not yet a
 * restore point. Whoever changes the marker last owns the artefact: its writer before it writes the manifest, or a sweep
 * before it removes what a dead writer left. Both use the store's compare-and-swap, so that only one of them wins.
 */
export const pendingSuffix = '.pending.json';
const largestMarkerBytes = 4096;

const markerOf = (artefactKey: string): string => `${artefactKey}${pendingSuffix}`;

type MarkerState = 'writing' | 'written' | 'removing';

/** `owner` tells our own marker from another's when the answer to writing it was lost. */
function markerBytes(state: MarkerState, owner: string): Buffer {
  return Buffer.from(`${JSON.stringify({ holdfast: 'pending artefact', state, owner })}\n`);
}

/** What a writer holds between claiming an artefact's key and giving it up. */
export interface Claim {
  readonly artefactKey: string;
  readonly etag: string;
  readonly owner: string;
  /** False for a store that refuses conditional writes: then a look before each write has to do. */
  readonly conditional: boolean;
  /** False where the store lets nobody look whether an object is there: that nothing was there, is known when ours is. */
  readonly looked: boolean;
}

const taken = (store: ObjectStore, key: string, cause?: unknown): Error =>
  vaultError('name-taken', {
    message: `There is already an object "${key}" in ${store.label}, or another run is writing it.`,
    hint: 'Use a layout with {run}, or wait a second and run again; what a dead run left is cleared by a sweep.',
    context: { key },
    ...(cause === undefined ? {} : { cause }),
  });

/** What stands under a key, or why the store did not say it. */
interface Look {
  readonly info?: ObjectInfo | undefined;
  readonly refusal?: unknown;
}

/** Whoever may read and not list (s3:GetObject without s3:ListBucket) is not told that an object is not there. */
async function lookAt(store: ObjectStore, key: string, signal: AbortSignal): Promise<Look> {
  try {
    return { info: await store.head(key, signal) };
  } catch (refusal) {
    if (!hasCode(refusal, 'store/access-denied')) throw refusal;
    return { refusal };
  }
}

/** Says that the artefact is about to be written. vault/name-taken when there is one, or someone else writes it. */
export async function claimArtefact(store: ObjectStore, artefactKey: string, signal: AbortSignal): Promise<Claim> {
  const before = await lookAt(store, `${artefactKey}${manifestSuffix}`, signal);
  if (before.info) throw taken(store, artefactKey);
  const owner = randomUUID();
  const key = markerOf(artefactKey);
  const written = await putMarker(store, key, { owner, signal });
  let present: Look;
  try {
    present = await lookAt(store, artefactKey, signal);
    // A conditional write finds out by itself what a look would have told.
    if (present.refusal !== undefined && !written.conditional) throw present.refusal;
  } catch (error) {
    await store.delete([key]).catch(() => {});
    throw error;
  }
  const looked = before.refusal === undefined && present.refusal === undefined;
  if (present.info === undefined) return { artefactKey, owner, looked, ...written };
  await store.delete([key]);
  throw taken(store, artefactKey);
}

async function putMarker(
  store: ObjectStore,
  key: string,
  { owner, signal }: { readonly owner: string; readonly signal: AbortSignal },
): Promise<Pick<Claim, 'etag' | 'conditional'>> {
  const bytes = markerBytes('writing', owner);
  const artefactKey = key.slice(0, -pendingSuffix.length);
  try {
    return { etag: (await store.put(key, bytes, { ifAbsent: true, signal })).etag, conditional: true };
  } catch (error) {
    if (hasCode(error, 'store/already-exists')) throw taken(store, artefactKey, error);
    if (!hasCode(error, 'store/unsupported')) {
      // A lost answer may have left our marker behind, where it would keep a repetition of this run out.
      await dropOwnMarker(store, key, owner).catch(() => {});
      throw error;
    }
  }
  if (await store.head(key, signal)) throw taken(store, artefactKey);
  return { etag: (await store.put(key, bytes, { signal })).etag, conditional: false };
}

async function dropOwnMarker(store: ObjectStore, key: string, owner: string): Promise<void> {
  if ((await readMarker(store, key)).includes(owner)) await store.delete([key]);
}

async function readMarker(store: ObjectStore, key: string, signal?: AbortSignal): Promise<string> {
  return (await collect(store.get(key, signal ? { signal } : {}), largestMarkerBytes)).toString('utf8');
}

/** Makes sure, at the last moment before the manifest, that no sweep has taken the artefact for a dead run's. */
export async function confirmArtefact(
  store: ObjectStore,
  { artefactKey, etag, owner, conditional }: Claim,
  signal: AbortSignal,
): Promise<void> {
  const key = markerOf(artefactKey);
  const swept = (cause?: unknown): Error =>
    vaultError('missing-object', {
      message: `A sweep removed "${artefactKey}" while it was being written.`,
      hint: 'Run the backup again, and sweep only what is older than the longest run.',
      context: { key: artefactKey },
      ...(cause === undefined ? {} : { cause }),
    });
  const bytes = markerBytes('written', owner);
  try {
    if (conditional) return void (await store.put(key, bytes, { ifMatch: etag, signal }));
  } catch (error) {
    if (hasCode(error, 'store/changed', 'store/not-found')) throw swept(error);
    // Amazon's store lets nobody compare who may not read (s3:GetObject): then a look has to do.
    if (!hasCode(error, 'store/access-denied')) throw error;
  }
  if ((await store.head(key, signal))?.etag !== etag) throw swept();
  await store.put(key, bytes, { signal });
}

/** Removes what an unfinished write left. The marker goes last: until then a sweep finds the rest. */
export async function dropArtefact(store: ObjectStore, artefactKey: string, signal?: AbortSignal): Promise<void> {
  await store.delete([`${artefactKey}${manifestSuffix}`], signal);
  await store.delete([artefactKey], signal);
  await store.delete([markerOf(artefactKey)], signal);
}

/** Removes the marker of a finished restore point. */
export async function releaseArtefact(store: ObjectStore, artefactKey: string): Promise<void> {
  await store.delete([markerOf(artefactKey)]);
}

/** Takes a dead writer's artefact over and removes it. Returns how many objects that were. */
async function sweepMarker(store: ObjectStore, marker: ObjectInfo, signal: AbortSignal): Promise<number> {
  const artefactKey = marker.key.slice(0, -pendingSuffix.length);
  if (await store.head(`${artefactKey}${manifestSuffix}`, signal)) {
    await store.delete([marker.key], signal);
    return 1;
  }
  try {
    await store.put(marker.key, markerBytes('removing', randomUUID()), { ifMatch: marker.etag, signal });
  } catch (error) {
    if (hasCode(error, 'store/changed', 'store/not-found')) return 0;
    if (!hasCode(error, 'store/unsupported')) throw error;
    if ((await store.head(marker.key, signal))?.etag !== marker.etag) return 0;
  }
  // The writer may have put its manifest between the look and the claim; then the artefact belongs to it.
  if (await store.head(`${artefactKey}${manifestSuffix}`, signal)) return 0;
  const artefact = await store.head(artefactKey, signal);
  await store.delete([artefactKey], signal);
  await store.delete([marker.key], signal);
  return artefact === undefined ? 1 : 2;
}

/** Other files may have such names. */
async function isMarker(store: ObjectStore, { key, sizeBytes }: ObjectInfo, signal: AbortSignal): Promise<boolean> {
  if (sizeBytes > largestMarkerBytes) return false;
  return (await readMarker(store, key, signal)).startsWith('{"holdfast":"pending artefact"');
}

/**
 * Removes a finished restore point: first its manifest. The marker that stands there meanwhile lets a sweep find the
 * artefact if this is the last that we do.
 */
export async function removeArtefact(store: ObjectStore, artefactKey: string, signal: AbortSignal): Promise<void> {
  await store.put(markerOf(artefactKey), markerBytes('removing', randomUUID()), { signal });
  await dropArtefact(store, artefactKey, signal);
}

/** Removes artefacts without a manifest whose writers are dead: their markers are older than `olderThan`. */
export async function sweepPending(store: ObjectStore, olderThan: Date, signal: AbortSignal): Promise<number> {
  const markers: ObjectInfo[] = [];
  for await (const info of store.list({ signal })) {
    if (info.key.endsWith(pendingSuffix) && info.modifiedAt < olderThan) markers.push(info);
  }
  let removed = 0;
  for (const marker of markers) {
    if (await isMarker(store, marker, signal)) removed += await sweepMarker(store, marker, signal);
  }
  return removed;
}
