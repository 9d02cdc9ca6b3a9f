import type { Clock } from '../../base/clock.ts';
import { hasCode, messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { SourceEntry } from '../../source/index.ts';
import type { ObjectStore } from '../../store/index.ts';
import { vaultError } from '../errors.ts';
import type { FileEvents } from '../file-events.ts';
import type {
  NewRestorePoint,
  RestorePoint,
  RestorePointOutcome,
  RestorePointWriter,
  Vault,
  VerifyFinding,
  VerifyOptions,
} from '../vault.ts';
import { forgetMirror } from './forget-mirror.ts';
import { executeRemovals, readJournal } from './manifest/journal.ts';
import { findMirrors, type FoundMirror } from './list-mirrors.ts';
import { type MirrorFacts, toRestorePoint } from './manifest/manifest-format.ts';
import { findCurrentManifest } from './manifest/manifest-reader.ts';
import {
  checkMirrorSpec,
  manifestPatternOf,
  type MirrorPlace,
  type MirrorVaultSpec,
  pendingPrefixOf,
  placeOf,
} from './mirror-spec.ts';
import { type MirrorReading, readMirror } from './read-mirror.ts';
import { isFinding, verifyMirror } from './verify-mirror.ts';
import { writeMirror } from './write-mirror.ts';

export interface MirrorVaultOptions {
  readonly name: string;
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events?: FileEvents;
}

const dayOf = ({ startedAt }: MirrorFacts): string => startedAt.toISOString().slice(0, 10);

/** Keeps each source as plain objects, one for each file, and a manifest of its last run: that is its restore point. */
export class MirrorVault implements Vault {
  readonly type = 'mirror';
  readonly incremental = true;
  readonly name: string;
  readonly label: string;
  private readonly spec: MirrorVaultSpec;
  private readonly options: MirrorVaultOptions;
  /** Whether the run before the last one was on the same day. */
  private hasRunToday = false;

  /** vault/bad-options when the spec can't be. The vault closes the store. */
  constructor(spec: MirrorVaultSpec, options: MirrorVaultOptions) {
    checkMirrorSpec(spec);
    this.spec = spec;
    this.options = options;
    this.name = options.name;
    this.label = options.store.label;
  }

  async write(
    point: NewRestorePoint,
    fill: (writer: RestorePointWriter) => Promise<RestorePointOutcome>,
    signal: AbortSignal,
  ): Promise<RestorePoint> {
    const { store, clock, logger, events = {} } = this.options;
    const place = placeOf(this.spec, point);
    const run = { store, clock, logger, events, place, point, spec: this.spec, signal };
    const { facts, factsBefore } = await writeMirror(run, fill);
    this.hasRunToday = factsBefore !== undefined && dayOf(factsBefore) === dayOf(facts);
    return toRestorePoint(place, facts, this.name);
  }

  async list({
    signal,
    onUnreadable,
  }: {
    readonly signal: AbortSignal;
    readonly onUnreadable?: (key: string, error: unknown) => void;
  }): Promise<RestorePoint[]> {
    const points: RestorePoint[] = [];
    for (const { manifestKey: key, hasManifest } of await this.mirrors(signal)) {
      if (!hasManifest) continue;
      try {
        const manifest = await findCurrentManifest(this.options.store, key, signal);
        // Deleted since it was listed: another process forgot it.
        if (!manifest) continue;
        const { facts } = manifest;
        points.push(toRestorePoint({ ...placeOf(this.spec, facts), manifestKey: key }, facts, this.name));
      } catch (error) {
        if (!hasCode(error, 'vault/bad-manifest', 'vault/newer-format') || !onUnreadable) throw error;
        onUnreadable(key, error);
      }
    }
    return points.sort((a, b) => a.startedAt.getTime() - b.startedAt.getTime() || (a.id < b.id ? -1 : 1));
  }

  async *read(point: RestorePoint, signal: AbortSignal): AsyncGenerator<SourceEntry> {
    yield* readMirror(await this.open(point, signal), signal);
  }

  async verify(point: RestorePoint, { readData, signal, onBytes }: VerifyOptions): Promise<VerifyFinding[]> {
    try {
      return await verifyMirror({ ...(await this.open(point, signal)), onBytes }, { readData, signal });
    } catch (error) {
      if (signal.aborted || !isFinding(error)) throw error;
      return [{ code: error.code, message: messageOf(error) }];
    }
  }

  async forget(points: readonly RestorePoint[], signal: AbortSignal): Promise<void> {
    for (const point of points) await forgetMirror(await this.open(point, signal), signal);
  }

  /**
   * Removes the journals of mirrors that are no more; what a dead run of one that stands has left, the next settles. It is the
   * first run of a day that looks for what is days old: to look takes as long as a tenth of a run that changes nothing.
   */
  async sweep(olderThan: Date, signal: AbortSignal): Promise<number> {
    if (this.hasRunToday) return 0;
    const { store } = this.options;
    return (await store.sweep(olderThan, signal)) + (await this.sweepJournals(olderThan, signal));
  }

  async close(): Promise<void> {
    await this.options.store.close();
  }

  /** Journals that no manifest belongs to: of mirrors that were forgotten, or whose first run died. */
  private async sweepJournals(olderThan: Date, signal: AbortSignal): Promise<number> {
    const { store } = this.options;
    let removed = 0;
    for (const { manifestKey, hasManifest, hasJournal } of await this.mirrors(signal)) {
      // With a manifest there may be a run under way, and the next one settles it anyway.
      if (hasManifest || !hasJournal) continue;
      const { removals, keys } = await readJournal(store, pendingPrefixOf(manifestKey), signal, olderThan);
      removed += await executeRemovals(store, removals, { once: null, signal });
      await store.delete(keys, signal);
      removed += keys.length;
    }
    return removed;
  }

  private mirrors(signal: AbortSignal): Promise<FoundMirror[]> {
    return findMirrors(this.options.store, manifestPatternOf(this.spec), signal);
  }

  /** What is needed to read a restore point, while it is the one that stands. */
  private async open(point: RestorePoint, signal: AbortSignal): Promise<MirrorReading> {
    const { store } = this.options;
    const place = { ...this.placeOf(point) };
    const manifest = await findCurrentManifest(store, place.manifestKey, signal);
    if (manifest && toRestorePoint(place, manifest.facts, this.name).id === point.id) {
      const { uploads } = await readJournal(store, place.pendingPrefix, signal);
      return { store, place, manifest, uploads };
    }
    throw vaultError(manifest ? 'changed-meanwhile' : 'not-found', {
      message: manifest
        ? `The mirror of "${point.source.name}" in ${this.label} is no longer that of ${point.id.slice(0, 8)}: a later run has replaced it.`
        : `There is no mirror of "${point.source.name}" in ${this.label}.`,
      hint: 'List the vault again and use an id from there.',
      context: { id: point.id },
    });
  }

  private placeOf(point: RestorePoint): MirrorPlace {
    const place = placeOf(this.spec, point);
    if (point.keys[0] === place.manifestKey) return place;
    throw vaultError('not-found', {
      message: `Restore point ${point.id} is not one of this mirror.`,
      hint: 'List the vault again and use an id from there.',
    });
  }
}
