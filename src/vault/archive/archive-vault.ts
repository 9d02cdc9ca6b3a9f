import { collect, MiB } from '../../base/bytes.ts';
import type { Clock } from '../../base/clock.ts';
import { forEachConcurrently, mapOrdered } from '../../base/concurrency.ts';
import { hasCode } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { SourceEntry } from '../../source/index.ts';
import type { ObjectStore } from '../../store/index.ts';
import { vaultError } from '../errors.ts';
import { factsOf } from '../restore-point-facts.ts';
import type {
  NewRestorePoint,
  RestorePoint,
  RestorePointOutcome,
  RestorePointWriter,
  Vault,
  VerifyFinding,
  VerifyOptions,
} from '../vault.ts';
import { type ArchiveVaultSpec, checkEncryption, compressionOf } from './archive-spec.ts';
import { artefactKey } from './artefact-key.ts';
import { type ReadArtefactOptions, readArtefact } from './artefact-reader.ts';
import type { ArtefactOptions } from './artefact-writer.ts';
import { findForeign } from './foreign-artefacts.ts';
import { objectMetadata } from './object-metadata.ts';
import { PendingArtefact } from './pending-artefact.ts';
import { checkLayout, defaultLayout } from './layout.ts';
import {
  decodeManifest,
  encodeManifest,
  type Manifest,
  manifestSuffix,
  type NewManifest,
  toRestorePoint,
} from './manifest.ts';
import { releaseArtefact, removeArtefact, sweepPending } from './pending-marker.ts';
import { verifyArtefact } from './verify-artefact.ts';

export interface ArchiveVaultOptions {
  readonly name: string;
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Row counts of many tables make manifests long, but not longer than this. */
const largestManifestBytes = 64 * MiB;
const manifestsInFlight = 16;
const removalsInFlight = 8;

/** Keeps each restore point as one artefact that ordinary programs open, and a manifest beside it. */
export class ArchiveVault implements Vault {
  readonly type = 'archive';
  readonly name: string;
  readonly label: string;
  private readonly spec: ArchiveVaultSpec;
  private readonly store: ObjectStore;
  private readonly clock: Clock;
  private readonly logger: Logger;

  /** vault/bad-options when the spec can't be. The vault closes the store. */
  constructor(spec: ArchiveVaultSpec, { name, store, clock, logger }: ArchiveVaultOptions) {
    compressionOf(spec);
    checkEncryption(spec.encryption);
    checkLayout(spec.layout ?? defaultLayout);
    this.spec = spec;
    this.name = name;
    this.label = store.label;
    this.store = store;
    this.clock = clock;
    this.logger = logger;
  }

  async write(
    point: NewRestorePoint,
    fill: (writer: RestorePointWriter) => Promise<RestorePointOutcome>,
    signal: AbortSignal,
  ): Promise<RestorePoint> {
    signal.throwIfAborted();
    const writing = new PendingArtefact(this.store, (entry) => this.artefactOptions(point, entry, signal));
    try {
      const outcome = await fill(writing);
      signal.throwIfAborted();
      const written = await writing.finish(point.source.name);
      const { artefact, ...counts } = written;
      const facts = factsOf(point, outcome, { ...counts, finishedAt: this.clock.now() });
      const manifest = { ...facts, artefact };
      await writing.confirm(signal);
      return await this.publish(manifest, writing.conditional, signal);
    } catch (error) {
      await this.discard(writing, error);
      throw error;
    }
  }

  async list({
    signal,
    onUnreadable,
  }: {
    readonly signal: AbortSignal;
    readonly onUnreadable?: (key: string, error: unknown) => void;
  }): Promise<RestorePoint[]> {
    const points: RestorePoint[] = [];
    const read = async (key: string): Promise<RestorePoint | undefined> => {
      try {
        return toRestorePoint(key, await this.readManifest(key, signal), this.name);
      } catch (error) {
        // Deleted since it was listed: another process forgot it.
        if (hasCode(error, 'store/not-found')) return undefined;
        if (!hasCode(error, 'vault/bad-manifest', 'vault/newer-format') || !onUnreadable) throw error;
        onUnreadable(key, error);
        return undefined;
      }
    };
    for await (const point of mapOrdered(this.manifestKeys(signal), manifestsInFlight, read)) {
      if (point) points.push(point);
    }
    return points.sort(
      (a, b) => a.startedAt.getTime() - b.startedAt.getTime() || ((a.keys[1] ?? '') < (b.keys[1] ?? '') ? -1 : 1),
    );
  }

  async listForeign(made: readonly RestorePoint[], signal: AbortSignal): Promise<RestorePoint[]> {
    return this.spec.pruneForeign ? findForeign(this.store, this.spec, { made, signal }) : [];
  }

  async *read(point: RestorePoint, signal: AbortSignal): AsyncGenerator<SourceEntry> {
    const [key, manifestKey] = keysOf(point);
    const manifest = await this.readManifest(manifestKey, signal);
    yield* readArtefact(manifest, this.readOptions(key, signal));
  }

  async verify(point: RestorePoint, options: VerifyOptions): Promise<VerifyFinding[]> {
    const [key, manifestKey] = keysOf(point);
    return verifyArtefact(() => this.readManifest(manifestKey, options.signal), {
      ...this.readOptions(key, options.signal),
      readData: options.readData,
      ...(options.onBytes ? { onBytes: options.onBytes } : {}),
    });
  }

  async forget(points: readonly RestorePoint[], signal: AbortSignal): Promise<void> {
    await forEachConcurrently(points.map(keysOf), removalsInFlight, ([key]) => removeArtefact(this.store, key, signal));
  }

  async sweep(olderThan: Date, signal: AbortSignal): Promise<number> {
    return (await this.store.sweep(olderThan, signal)) + (await sweepPending(this.store, olderThan, signal));
  }

  async close(): Promise<void> {
    await this.store.close();
  }

  private artefactOptions(
    point: NewRestorePoint,
    first: SourceEntry,
    signal: AbortSignal,
  ): Omit<ArtefactOptions, 'conditional'> {
    const compression = compressionOf(this.spec);
    const { encryption } = this.spec;
    const key = artefactKey(this.spec, point, first.path);
    const metadata = objectMetadata(point);
    return { store: this.store, key, shape: point.source.shape, compression, encryption, metadata, signal };
  }

  /** Writes the manifest: from here on the restore point exists. */
  private async publish(manifest: NewManifest, conditional: boolean, signal: AbortSignal): Promise<RestorePoint> {
    const { key } = manifest.artefact;
    const manifestKey = `${key}${manifestSuffix}`;
    const bytes = encodeManifest(manifest);
    await this.store.put(manifestKey, bytes, { ...(conditional ? { ifAbsent: true } : {}), signal });
    try {
      await releaseArtefact(this.store, key);
    } catch (error) {
      this.logger.warn('A marker of a finished restore point is left behind; the next sweep removes it.', {
        key,
        error,
      });
    }
    return toRestorePoint(manifestKey, decodeManifest(manifestKey, bytes), this.name);
  }

  /** Clears up after a failure; what can't be cleared now, a sweep finds by its marker. */
  private async discard(writing: PendingArtefact, reason: unknown): Promise<void> {
    try {
      await writing.discard(reason);
    } catch (error) {
      const message = 'What an unfinished restore point left could not be removed; a later sweep does it.';
      this.logger.warn(message, { vault: this.name, error });
    }
  }

  private async *manifestKeys(signal: AbortSignal): AsyncGenerator<string> {
    for await (const { key } of this.store.list({ signal })) if (key.endsWith(manifestSuffix)) yield key;
  }

  private async readManifest(key: string, signal: AbortSignal): Promise<Manifest> {
    return decodeManifest(key, await collect(this.store.get(key, { signal }), largestManifestBytes));
  }

  private readOptions(key: string, signal: AbortSignal): ReadArtefactOptions {
    return { store: this.store, key, encryption: this.spec.encryption, signal };
  }
}

function keysOf(point: RestorePoint): readonly [artefact: string, manifest: string] {
  const [key, manifestKey] = point.keys;
  if (key !== undefined && manifestKey === `${key}${manifestSuffix}`) return [key, manifestKey];
  throw vaultError('not-found', {
    message: `Restore point ${point.id} is not one of an archive vault.`,
    hint: 'List the vault again and use an id from there.',
  });
}
