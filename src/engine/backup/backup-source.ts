import type { Soon } from '../../base/concurrency.ts';
import type { Logger } from '../../base/log.ts';
import {
  harmlessProblems,
  type Needs,
  type Problem,
  type Source,
  type SourceEntry,
  strongestNeed,
} from '../../source/index.ts';
import type { NewRestorePoint, RestorePoint, Vault } from '../../vault/index.ts';
import { engineError } from '../errors.ts';
import { SharedContent } from './shared-content.ts';
import { openLane, type LaneResult, type VaultLane } from './vault-lane.ts';

/** What a run tells while it reads: whole numbers since the start of this source. */
export interface SourceProgress {
  readonly source: Source;
  readonly files: number;
  readonly bytes: number;
  /** The entry being read. */
  readonly path: Buffer;
}

/** What became of one source in one run. */
export interface SourceResult {
  readonly source: { readonly type: string; readonly name: string };
  /** ok: in every vault, whole. partial: a restore point exists, but something is missing. failed: there is none. */
  readonly status: 'ok' | 'partial' | 'failed';
  readonly restorePoints: readonly RestorePoint[];
  readonly failures: readonly { readonly vault: string | undefined; readonly error: unknown }[];
  readonly problems: readonly Problem[];
}

export interface BackupSourceOptions {
  readonly source: Source;
  readonly vaults: readonly Vault[];
  readonly point: NewRestorePoint;
  readonly signal: AbortSignal;
  readonly logger: Logger;
  readonly onProgress: (progress: SourceProgress) => void;
}

/** Passes chunks on and counts them. Not a generator: there is one of these for each file. */
function counted(chunks: AsyncIterable<Uint8Array>, onBytes: (bytes: number) => void): AsyncIterable<Uint8Array> {
  return {
    [Symbol.asyncIterator]: () => {
      const iterator = chunks[Symbol.asyncIterator]();
      return {
        next: async () => {
          const step = await iterator.next();
          if (step.done !== true) onBytes(step.value.length);
          return step;
        },
        return: async () => {
          await iterator.return?.();
          return { done: true, value: undefined };
        },
      };
    },
  };
}

/** The same entry with a content that counts what is read from it, where that is not at hand. */
function countingEntry(entry: SourceEntry, onBytes: (bytes: number) => void): SourceEntry {
  if (!entry.open || entry.content) return entry;
  const open = entry.open.bind(entry);
  return { ...entry, open: (signal) => counted(open(signal), onBytes) };
}

/** Gives one entry to every lane that is still open, and waits until all have stored it. */
function addToLanes(lanes: readonly VaultLane[], entry: SourceEntry, signal: AbortSignal): Soon<void> {
  const [first] = lanes;
  if (first && lanes.length === 1 && first.isOpen() && entry.unread !== true) return first.add(entry);
  const open = lanes.filter((lane) => lane.isOpen());
  // Of what could not be read only a vault that has it from before can keep something.
  if (entry.unread === true)
    return addToAll(
      open.filter(({ vault }) => vault.incremental === true),
      entry,
      signal,
    );
  const [only, second] = open;
  if (only === undefined) throw engineError('all-vaults-failed', { message: 'no vault is left to write to' });
  return second === undefined ? only.add(entry) : addToAll(open, entry, signal);
}

async function addToAll(open: readonly VaultLane[], entry: SourceEntry, signal: AbortSignal): Promise<void> {
  if (!entry.open || entry.content) {
    await Promise.all(open.map(async (lane) => lane.add(entry)));
    return;
  }
  const read = entry.open.bind(entry);
  const content = new SharedContent(() => read(signal), open.length);
  await Promise.all(
    open.map(async (lane, index) => {
      await lane.add({ ...entry, open: () => content.read(index) });
      content.leave(index); // a lane does not throw
    }),
  );
}

/** What any vault needs is needed. Each is asked: it counts on being asked for every file. */
function askLanes(lanes: readonly VaultLane[]): Needs {
  const [only, second] = lanes;
  if (only !== undefined && second === undefined) return only.needs;
  return async (file) => strongestNeed(await Promise.all(lanes.map(async (lane) => lane.needs(file))));
}

/** Reads the source to its end into the lanes; every lane has been finished or failed when this resolves. */
async function fillLanes(
  options: BackupSourceOptions,
  lanes: readonly VaultLane[],
  problems: Problem[],
): Promise<void> {
  const { source, signal, logger, onProgress } = options;
  let files = 0;
  let bytes = 0;
  let path: Buffer = Buffer.alloc(0);
  const onBytes = (count: number): void => {
    bytes += count;
    onProgress({ source, files, bytes, path });
  };
  // Asked for each entry: a signal made of others asks these each time.
  let isStopped = signal.aborted;
  const stop = (): void => void (isStopped = true);
  signal.addEventListener('abort', stop);
  try {
    const reading = source.read({
      signal,
      logger,
      onProblem: (problem) => problems.push(problem),
      ...(options.vaults.every((vault) => vault.incremental) ? { needs: askLanes(lanes) } : {}),
    });
    for await (const entry of reading.entries) {
      if (isStopped) signal.throwIfAborted();
      ({ path } = entry);
      if (entry.content ?? entry.inPlace) bytes += entry.sizeBytes ?? 0;
      const adding = addToLanes(lanes, countingEntry(entry, onBytes), signal);
      if (adding) await adding;
      if (entry.type === 'file') files += 1;
      onProgress({ source, files, bytes, path });
    }
    const details = reading.details();
    for (const lane of lanes) lane.finish({ details, problems });
  } catch (error) {
    for (const lane of lanes) lane.fail(error);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

const ofVault = ({ kind }: Problem): boolean => kind === 'not-stored';

function statusOf(results: readonly LaneResult[], problems: readonly Problem[]): SourceResult['status'] {
  const written = results.flatMap((result) => ('restorePoint' in result ? [result.restorePoint] : []));
  if (written.length === 0) return 'failed';
  const whole = problems.every(({ kind }) => harmlessProblems.has(kind));
  return written.length === results.length && whole && written.every(({ status }) => status === 'ok')
    ? 'ok'
    : 'partial';
}

/**
 * Reads one source once, into every vault. Never rejects for what the source or a vault does: the result says it.
 * A vault that fails drops out; a source that fails leaves no restore point anywhere.
 */
export async function backupSource(options: BackupSourceOptions): Promise<SourceResult> {
  const problems: Problem[] = [];
  const lanes = options.vaults.map((vault) => openLane(vault, options.point, options.signal));
  await fillLanes(options, lanes, problems);
  const results = await Promise.all(lanes.map((lane) => lane.result));
  const restorePoints = results.flatMap((result) => ('restorePoint' in result ? [result.restorePoint] : []));
  return {
    source: { type: options.source.type, name: options.source.name },
    status: statusOf(results, problems),
    restorePoints,
    failures: results.flatMap((result) =>
      'error' in result ? [{ vault: result.vault.name, error: result.error }] : [],
    ),
    problems: [...problems, ...restorePoints.flatMap(({ problems: all }) => all.filter(ofVault))],
  };
}
