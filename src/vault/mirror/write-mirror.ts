import type { Clock } from '../../base/clock.ts';
import { hasCode, messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { harmlessProblems } from '../../source/index.ts';
import { type ObjectInfo, type ObjectStore, putStream } from '../../store/index.ts';
import { vaultError } from '../errors.ts';
import type { FileEvents } from '../file-events.ts';
import { halfReadOf } from '../half-read.ts';
import { factsOf } from '../restore-point-facts.ts';
import type { NewRestorePoint, RestorePointOutcome, RestorePointWriter } from '../vault.ts';
import { findBefore, type FoundManifest } from './find-before.ts';
import { executeRemovals, type Journal, JournalWriter, readJournal } from './manifest/journal.ts';
import { LocalCopy } from './manifest/local-copy.ts';
import type { MirrorFacts } from './manifest/manifest-format.ts';
import { manifestBytes, readRecords, type StoredManifest } from './manifest/manifest-reader.ts';
import { ManifestStream } from './manifest/manifest-stream.ts';
import type { MirrorPlace, MirrorVaultSpec } from './mirror-spec.ts';
import { keyOfRecord, MirrorWriter, type MirrorWriterOptions } from './mirror-writer.ts';
import { PreviousEntries } from './manifest/previous-entries.ts';
import { hasContent, type ManifestRecord } from './manifest/record.ts';

export interface MirrorRun {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: FileEvents;
  readonly place: MirrorPlace;
  readonly spec: MirrorVaultSpec;
  readonly point: NewRestorePoint;
  readonly signal: AbortSignal;
}

type Fill = (writer: RestorePointWriter) => Promise<RestorePointOutcome>;

export interface WrittenMirror {
  readonly facts: MirrorFacts;
  readonly factsBefore: MirrorFacts | undefined;
}

/** What stood in the store when the run began. */
interface Before extends FoundManifest {
  readonly journal: Journal;
}

/**
 * Brings a mirror to the state of its source. The run's states:
 *
 *   opened -> sending -> all sent -> durable -> published -> tidied
 *
 * Until "published", which is one conditional write of the manifest, the mirror is that of the run before, with what the
 * journal tells of objects that were overwritten; from then on it is that of this run. Returns what the manifest says, and
 * what the one before said.
 */
export async function writeMirror(run: MirrorRun, fill: Fill): Promise<WrittenMirror> {
  run.signal.throwIfAborted();
  const before = await open(run);
  const newJournal = new JournalWriter(run.store, run.place.pendingPrefix, run.signal);
  const { facts, kept } = await publish(run, { before, newJournal, fill });
  try {
    await tidy(run, { before, newJournal, kept, facts });
  } catch (error) {
    run.logger.warn(
      `The mirror is written, but tidying up after it failed; the next run does it: ${messageOf(error)}.`,
    );
  }
  return { facts, factsBefore: before.manifest?.facts };
}

async function open(run: MirrorRun): Promise<Before> {
  const { store, place, point, signal } = run;
  const found = await findBefore(run);
  const { manifest, mayRead } = found;
  if (manifest) checkOwner(manifest, point, store.label);
  const journal = await readJournal(store, place.pendingPrefix, signal);
  const once = manifest ? removalMark(manifest.facts) : null;
  if (mayRead) await executeRemovals(store, journal.removals, { once, signal });
  return { ...found, journal };
}

/** Two sources that share a manifest would remove each other's files in turn. */
function checkOwner({ key, facts }: StoredManifest, { job, source }: NewRestorePoint, label: string): void {
  if (facts.job === job && facts.source.name === source.name) return;
  throw vaultError('name-taken', {
    message: `"${key}" in ${label} is the mirror of "${facts.source.name}" of the job "${facts.job}", not of "${source.name}" of "${job}".`,
    hint: 'Give each source a manifestKey and a layout of its own ({job}, {source}), or forget the other mirror first.',
    context: { key },
  });
}

/**
 * What removals wait for: the manifest of their run, and only when that saw all of its source. What a run could not read
 * is gone from its manifest, and may well be in the source.
 */
const removalMark = ({ runId, status }: Pick<MirrorFacts, 'runId' | 'status'>): string =>
  status === 'ok' ? runId : `${runId}, partial`;

interface Publishing {
  readonly before: Before;
  readonly newJournal: JournalWriter;
  readonly fill: Fill;
}

interface Published {
  readonly facts: MirrorFacts;
  /** The segments of the journal that must outlive the run. */
  readonly kept: readonly string[];
}

/** Sends what changed and writes the manifest while that goes on. Leaves the manifest of before when anything fails. */
async function publish(run: MirrorRun, { before, newJournal, fill }: Publishing): Promise<Published> {
  const { store, place, spec, point, logger, events } = run;
  const { signal, stop, end } = stoppingWith(run.signal);
  const stream = new ManifestStream();
  const copy = await LocalCopy.open(place.localManifest, logger);
  const { manifest, journal } = before;
  const sent = putStream(store, place.manifestKey, copy.through(stream.bytes()), { ...conditionOf(before), signal });
  sent.catch((error: unknown) => stream.fail(error));
  const onUnused = async (key: string): Promise<void> => {
    if (spec.delete === true) await newJournal.willRemove(key, point.runId);
  };
  const previous = await previousEntries(run, manifest, onUnused);
  const writer = new MirrorWriter({
    store,
    place,
    previous,
    newJournal,
    events,
    onUnused,
    signal,
    journal,
    manifest: stream,
    shape: point.source.shape,
    ...trustOf(run, manifest),
  });
  let published: Published | undefined;
  let written: ObjectInfo;
  try {
    const outcome = await fill(writer);
    await writer.endEntries();
    stream.end(async () => {
      await writer.finish();
      await previous.finish();
      const problems = [...outcome.problems, ...writer.problems];
      const whole = problems.every(({ kind }) => harmlessProblems.has(kind));
      const orphans = spec.delete === true ? await writer.orphans() : [];
      if (whole) for (const record of orphans) await onUnused(keyOfRecord(place, record));
      const kept = await newJournal.keep([...writer.doubtful, ...(whole ? [] : orphans)]);
      if (whole) await newJournal.flushRemovals(point.runId);
      await store.sync(signal);
      signal.throwIfAborted();
      await checkUnchanged(run, before);
      const still = writer.problems.length > 0 || writer.keptUnread ? journal.unreadable : [];
      published = { facts: mirrorFacts(run, { ...outcome, problems }, writer), kept: [...kept, ...still] };
      return published.facts;
    });
    written = await sent;
  } catch (error) {
    stream.fail(error);
    stop(error);
    await Promise.allSettled([sent, writer.settle(), copy.discard()]);
    throw lostRace(error, run) ?? error;
  } finally {
    end();
    await previous.close();
  }
  await copy.keep(written.etag);
  return published as Published;
}

/**
 * A signal that is aborted with another one, or by `stop`, until `end`. A plain one: AbortSignal.any makes one that asks
 * its parts each time that it is asked, and is kept for as long as they are where somebody listens to it.
 */
function stoppingWith(other: AbortSignal): {
  readonly signal: AbortSignal;
  readonly stop: (reason: unknown) => void;
  readonly end: () => void;
} {
  const controller = new AbortController();
  const stop = (): void => controller.abort(other.reason);
  other.addEventListener('abort', stop);
  if (other.aborted) stop();
  return {
    signal: controller.signal,
    stop: (reason) => controller.abort(reason),
    end: () => other.removeEventListener('abort', stop),
  };
}

/** How far the run believes what the manifest says. */
function trustOf(
  run: MirrorRun,
  manifest: StoredManifest | undefined,
): Pick<MirrorWriterOptions, 'full' | 'isWhole' | 'isHalfRead' | 'roots'> {
  const { uid, details } = manifest?.facts ?? {};
  // Whoever read without attributes left a note.
  const isWhole = uid !== undefined && uid === process.getuid?.() && !details?.notes?.length;
  const isHalfRead = halfReadOf(manifest?.facts);
  return { full: run.spec.full ?? false, isWhole, isHalfRead, roots: rootsOf(run) };
}

/** The folders that a source has been told to read, as paths of its tree: a joined one has each under its own path. */
function rootsOf({ spec, point }: MirrorRun): ReadonlyMap<string, string> {
  const { paths } = point.source;
  if (spec.full === true) return new Map();
  const joined = paths.map((path) => [Buffer.from(path.slice(1)).toString('latin1'), path] as const);
  return new Map([...(paths.length === 1 ? [['', paths[0] ?? ''] as const] : []), ...joined]);
}

/** What the manifest says at its end. */
function mirrorFacts(run: MirrorRun, outcome: RestorePointOutcome, writer: MirrorWriter): MirrorFacts {
  const { files, sizeBytes } = writer;
  const facts = factsOf(run.point, outcome, { files, sizeBytes, finishedAt: run.clock.now() });
  const uid = process.getuid?.();
  return { ...facts, storedBytes: sizeBytes, ...(uid !== undefined && { uid }) };
}

/** Who may not read must not compare either. */
function conditionOf({ etag, mayRead }: Before): { readonly ifAbsent?: boolean; readonly ifMatch?: string } {
  if (etag === undefined) return { ifAbsent: true };
  return mayRead ? { ifMatch: etag } : {};
}

/** A look at the last moment, where the store does not compare for us; the run's lock does the rest. */
async function checkUnchanged(run: MirrorRun, { etag, mayRead }: Before): Promise<void> {
  if (mayRead) return;
  const info = await run.store.head(run.place.manifestKey, run.signal);
  if (info?.etag !== etag) throw changedMeanwhile(run);
}

async function previousEntries(
  { store, place, signal }: MirrorRun,
  manifest: StoredManifest | undefined,
  onUnused: (key: string) => Promise<void>,
): Promise<PreviousEntries> {
  const onGone = async (record: ManifestRecord): Promise<void> => {
    if (hasContent(record)) await onUnused(keyOfRecord(place, record));
  };
  if (!manifest) return new PreviousEntries(none(), onGone);
  const bytes = await manifestBytes(store, manifest, { signal, localPath: place.localManifest });
  return new PreviousEntries(readRecords(bytes, manifest), onGone);
}

async function* none(): AsyncGenerator<never> {}

/** The manifest is not the one that this run began with, so that nothing of this run may be believed. */
function lostRace(error: unknown, run: MirrorRun): Error | undefined {
  return hasCode(error, 'store/changed', 'store/already-exists') ? changedMeanwhile(run, error) : undefined;
}

function changedMeanwhile({ place, store }: MirrorRun, cause?: unknown): Error {
  return vaultError('changed-meanwhile', {
    message: `Another run wrote the manifest "${place.manifestKey}" in ${store.label} while this one was at work.`,
    hint: 'What the other run wrote stands. Let one run end before the next begins, then run again.',
    context: { key: place.manifestKey },
    cause,
  });
}

interface Tidying extends Published {
  readonly before: Before;
  readonly newJournal: JournalWriter;
}

/** The manifest stands: the journals of this run and of the dead ones before it have nothing more to tell. */
async function tidy({ store }: MirrorRun, { before, newJournal, kept, facts }: Tidying): Promise<void> {
  // Removals that may not be read wait for a run that may.
  const waiting = before.mayRead ? [] : before.journal.removals.map(({ segment }) => segment);
  const staying = new Set([...kept, ...waiting]);
  const past = [...before.journal.keys, ...newJournal.uploadSegments].filter((key) => !staying.has(key));
  await store.delete(past);
  await executeRemovals(store, newJournal.removalSegments, { once: removalMark(facts) });
  await store.delete(newJournal.removalSegments.map(({ segment }) => segment));
}
