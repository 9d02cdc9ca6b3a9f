import { mapOrdered } from '../../../../base/concurrency.ts';
import { vaultError } from '../../../errors.ts';
import { decodeSnapshot } from '../../format/snapshot-file.ts';
import type { Repository } from '../../repository.ts';
import type { BitSet } from '../bit-set.ts';
import { type FreshRepository, loadAnew } from '../../reading/load-anew.ts';
import { findUsedBlobs } from '../used-blobs.ts';

/** How many snapshots are read at once. */
const readAtOnce = 8;

/** What of a repository is needed. */
export interface UsedRepository {
  readonly fresh: FreshRepository;
  readonly used: BitSet;
}

interface Seen extends UsedRepository {
  /** The uppermost tree of each snapshot. */
  readonly trees: ReadonlyMap<string, string>;
}

export interface LookOptions {
  readonly signal: AbortSignal;
  /** Snapshots that are about to be deleted. */
  readonly except: ReadonlySet<string>;
  /** Told how many trees were read until now. */
  readonly onTree?: (done: number) => void;
}

/** What was seen before the repository was locked. */
export interface Glance {
  /** Undefined where it failed: the same will fail under the lock, or has passed. */
  readonly seen: Promise<Seen | undefined>;
  /** Ends what is under way. */
  end(): Promise<void>;
}

/**
 * Reads what a prune needs to know while the lock is still being taken: files are never changed, so that what they say
 * stays true as long as they are there.
 */
export function lookAhead(known: Repository, options: LookOptions): Glance {
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const seen = look(known, { ...options, signal }).catch(() => undefined);
  return {
    seen,
    end: async () => {
      stop.abort();
      await seen;
    },
  };
}

/**
 * The same for certain: to be called under an exclusive lock. What was seen before is kept unless an index file came or
 * went, or a snapshot went. Throws when anything that snapshots need can't be read, or is missing.
 */
export async function lookUnderLock(known: Repository, ahead: Glance, options: LookOptions): Promise<UsedRepository> {
  const { signal, onTree } = options;
  const [seen, trees, indexFiles] = await Promise.all([
    ahead.seen,
    treesOfSnapshots(known, options),
    Array.fromAsync(known.list('index', signal), ({ id }) => id),
  ]);
  const holds =
    seen !== undefined &&
    new Set(seen.fresh.indexFiles).symmetricDifference(new Set(indexFiles)).size === 0 &&
    [...seen.trees.keys()].every((id) => trees.has(id));
  if (!holds) return look(known, options);
  const { fresh, used } = seen;
  await findUsedBlobs(fresh.repository, trees.values(), { signal, known: used, ...(onTree && { onTree }) });
  return seen;
}

async function look(known: Repository, options: LookOptions): Promise<Seen> {
  const { signal, onTree } = options;
  const trees = await treesOfSnapshots(known, options);
  const fresh = await loadAnew(known, { signal });
  const used = await findUsedBlobs(fresh.repository, trees.values(), { signal, ...(onTree && { onTree }) });
  return { fresh, used, trees };
}

/** The uppermost trees of all snapshots. One that can't be read is an error: what it needs is not known. */
async function treesOfSnapshots(
  repository: Repository,
  { signal, except }: LookOptions,
): Promise<ReadonlyMap<string, string>> {
  const read = async ({ id }: { readonly id: string }): Promise<readonly [string, string]> => {
    try {
      return [id, except.has(id) ? '' : decodeSnapshot(await repository.loadFile('snapshots', id, signal)).tree];
    } catch (error) {
      signal.throwIfAborted();
      throw vaultError('bad-manifest', {
        message: `The snapshot ${id.slice(0, 8)} can not be read, so it is not known what it needs. Nothing was deleted.`,
        hint: `Put it back from a copy; else "holdfast repair snapshots --forget" removes it.`,
        context: { id },
        cause: error,
      });
    }
  };
  const trees = new Map<string, string>();
  for await (const [id, tree] of mapOrdered(repository.list('snapshots', signal), readAtOnce, read))
    if (tree !== '') trees.set(id, tree);
  return trees;
}
