import { mapOrdered } from '../../../base/concurrency.ts';
import { vaultError } from '../../errors.ts';
import { decodeIndex, type IndexedPack } from '../format/index-file.ts';
import { fileKey } from '../layout.ts';
import { Repository } from '../repository.ts';
import { PlainSizes } from './plain-sizes.ts';

/** How many index files are read at once. */
const readAtOnce = 4;

/** A repository with an index that was read just now. */
export interface FreshRepository {
  readonly repository: Repository;
  readonly indexFiles: readonly string[];
  /** The number of each pack in the index, by its name. A pack that several index files name is there once. */
  readonly packs: ReadonlyMap<string, number>;
  /** The plain size of each blob, by its entry. */
  readonly plainSizes: PlainSizes;
}

export interface LoadAnewOptions {
  readonly signal: AbortSignal;
  /** Told of each index file that can't be read; without it that is thrown. */
  readonly onUnreadable?: (id: string, error: unknown) => void;
  /** Told of each pack of which two index files say different things; without it that is thrown. */
  readonly onContradiction?: (packId: string) => void;
}

/**
 * Reads all index files, whatever was read before: what others have deleted since is known to be gone. Throws
 * vault/corrupt where two of them contradict each other on what a pack holds.
 */
export async function loadAnew(
  known: Repository,
  { signal, onUnreadable, onContradiction }: LoadAnewOptions,
): Promise<FreshRepository> {
  const repository = new Repository(known);
  const packs = new Map<string, number>();
  const indexFiles: string[] = [];
  const plainSizes = new PlainSizes();
  const read = async ({ id }: { readonly id: string }): Promise<readonly IndexedPack[]> => {
    indexFiles.push(id);
    try {
      return decodeIndex(await known.loadFile('index', id, signal)).packs;
    } catch (error) {
      signal.throwIfAborted();
      if (!onUnreadable) throw error;
      onUnreadable(id, error);
      return [];
    }
  };
  for await (const indexed of mapOrdered(known.list('index', signal), readAtOnce, read))
    for (const { id, blobs } of indexed) {
      const before = packs.get(id);
      if (before === undefined) {
        packs.set(id, repository.index.addPack(id, blobs));
        plainSizes.add(blobs);
      } else if (!isSame(repository, before, blobs.length)) {
        if (!onContradiction) throw contradiction(id);
        onContradiction(id);
      }
    }
  return { repository, indexFiles, packs, plainSizes };
}

function isSame({ index }: Repository, pack: number, blobCount: number): boolean {
  const { from, to } = index.entriesOf(pack);
  return to - from === blobCount;
}

const contradiction = (id: string): Error =>
  vaultError('corrupt', {
    message: `Two indexes contradict each other on what the pack "${fileKey('data', id)}" holds.`,
    hint: 'Run "holdfast repair index".',
    context: { pack: id },
  });
