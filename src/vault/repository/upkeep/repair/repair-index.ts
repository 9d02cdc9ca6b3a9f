import { mapOrdered } from '../../../../base/concurrency.ts';
import { hasCode, messageOf } from '../../../../base/errors.ts';
import type { IndexedPack } from '../../format/index-file.ts';
import { packHeaderBytes } from '../../format/pack-header.ts';
import { fileKey } from '../../layout.ts';
import type { ListedFile, Repository } from '../../repository.ts';
import { loadAnew, type FreshRepository } from '../../reading/load-anew.ts';
import { readHeader } from '../../reading/pack-headers.ts';
import { rewriteIndex } from '../rewrite-index.ts';
import { withLock } from '../../lock/with-lock.ts';

/** How many headers are read at once. */
const readAtOnce = 8;

export interface RepairIndexOptions {
  /** Forget all that indexes say, and read the header of each pack. */
  readonly readAllPacks?: boolean;
  readonly signal: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface IndexRepair {
  /** Index files that could not be read: they are gone. */
  readonly unreadableIndexes: number;
  /** Packs that were in no index, or of another size than it said: now they are in. */
  readonly added: number;
  /** Packs that an index named and that are not there: no index names them any more. */
  readonly forgotten: readonly string[];
  /** Packs that stay out of the index, and why. */
  readonly unreadablePacks: readonly { readonly id: string; readonly why: string }[];
}

/**
 * Makes an index that names the packs that are there, and no others: what the present one says of a pack of the right size is believed,
 * all else is read from the packs. The old index files are deleted when the new ones are durable.
 */
export async function repairIndex(known: Repository, options: RepairIndexOptions): Promise<IndexRepair> {
  return withLock(known, { exclusive: true, signal: options.signal }, async (signal) => {
    const { readAllPacks = false, onProgress } = options;
    let unreadableIndexes = 0;
    const fresh = await loadForRepair(known, signal, () => void (unreadableIndexes += 1));
    const { repository, packs, contradictory } = fresh;
    const missing = new Set(packs.keys());
    const believed = new Set<string>();
    const toRead: ListedFile[] = [];
    for await (const file of repository.list('data', signal)) {
      const pack = packs.get(file.id);
      missing.delete(file.id);
      const isRight = pack !== undefined && !contradictory.has(file.id) && indexedSize(fresh, pack) === file.sizeBytes;
      if (isRight && !readAllPacks) believed.add(file.id);
      else toRead.push(file);
    }
    const unreadablePacks: { id: string; why: string }[] = [];
    let added = 0;
    const read = async (file: ListedFile): Promise<IndexedPack | undefined> => {
      try {
        return await readHeader(repository, file, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (!hasCode(error, 'vault/corrupt')) throw error;
        unreadablePacks.push({ id: file.id, why: messageOf(error) });
        return undefined;
      }
    };
    async function* newPacks(): AsyncGenerator<IndexedPack> {
      let done = 0;
      for await (const pack of mapOrdered(toRead, readAtOnce, read)) {
        onProgress?.((done += 1), toRead.length);
        if (!pack) continue;
        added += 1;
        yield pack;
      }
    }
    const changes = toRead.length + missing.size + unreadableIndexes > 0;
    if (changes)
      await rewriteIndex(repository, {
        old: fresh.indexFiles,
        keeps: (id) => believed.has(id),
        added: newPacks(),
        passUnreadable: true,
        signal,
      });
    return { unreadableIndexes, added, forgotten: [...missing], unreadablePacks };
  });
}

interface Loaded extends FreshRepository {
  /** Packs of which two indexes say different things. */
  readonly contradictory: ReadonlySet<string>;
}

async function loadForRepair(known: Repository, signal: AbortSignal, onUnreadable: () => void): Promise<Loaded> {
  const contradictory = new Set<string>();
  const fresh = await loadAnew(known, {
    signal,
    onUnreadable: (id) => {
      known.logger.warn(`The index "${fileKey('index', id)}" can not be read; what it named is read from the packs.`);
      onUnreadable();
    },
    onContradiction: (id) => void contradictory.add(id),
  });
  return { ...fresh, contradictory };
}

/** The size that a pack must have by what the index says of it; undefined where it leaves gaps. */
function indexedSize({ repository: { index } }: FreshRepository, pack: number): number | undefined {
  const { from, to } = index.entriesOf(pack);
  let end = 0;
  let header = packHeaderBytes([]);
  for (let entry = from; entry < to; entry += 1) {
    const { offset, length, compressed } = index.place(entry);
    if (offset !== end) return undefined;
    end += length;
    header += compressed ? 41 : 37;
  }
  return end + header;
}
