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
  readonly unreadablePacks: readonly UnreadablePack[];
  /** Packs whose headers can't be read, but of which the index tells what they hold: it stays, so that repairPacks can save what is left. */
  readonly damagedPacks: readonly UnreadablePack[];
}

export interface UnreadablePack {
  readonly id: string;
  readonly why: string;
}

/**
 * Makes an index that names the packs that are there, and no others: what the present one says of a pack of the right size is believed,
 * all else is read from the packs; where a header can't be, as of a pack that is cut short, what the index says stays. The old index
 * files are deleted when the new ones are durable.
 */
export async function repairIndex(known: Repository, options: RepairIndexOptions): Promise<IndexRepair> {
  return withLock(known, { exclusive: true, signal: options.signal }, async (signal) => {
    const { readAllPacks = false, onProgress } = options;
    let unreadableIndexes = 0;
    const fresh = await loadForRepair(known, signal, () => void (unreadableIndexes += 1));
    const { repository } = fresh;
    const { believed, toRead, missing, damagedPacks } = await sortPacks(fresh, readAllPacks, signal);
    const unreadablePacks: UnreadablePack[] = [];
    let added = 0;
    async function* newPacks(): AsyncGenerator<IndexedPack> {
      let done = 0;
      for await (const pack of mapOrdered(toRead, readAtOnce, (file) => tryHeader(repository, file, signal))) {
        onProgress?.((done += 1), toRead.length);
        if ('why' in pack) {
          unreadablePacks.push(pack);
          continue;
        }
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
    return { unreadableIndexes, added, forgotten: [...missing], unreadablePacks, damagedPacks };
  });
}

interface SortedPacks {
  /** Of which the index is right, or all that there is. */
  readonly believed: ReadonlySet<string>;
  readonly toRead: readonly ListedFile[];
  readonly missing: ReadonlySet<string>;
  readonly damagedPacks: readonly UnreadablePack[];
}

async function sortPacks(fresh: Loaded, readAllPacks: boolean, signal: AbortSignal): Promise<SortedPacks> {
  const { repository, packs, contradictory } = fresh;
  const missing = new Set(packs.keys());
  const believed = new Set<string>();
  const toRead: ListedFile[] = [];
  const damagedPacks: UnreadablePack[] = [];
  for await (const file of repository.list('data', signal)) {
    const pack = packs.get(file.id);
    missing.delete(file.id);
    const isTold = pack !== undefined && !contradictory.has(file.id) && !readAllPacks;
    const isRight = isTold && indexedSize(fresh, pack) === file.sizeBytes;
    const header = isTold && !isRight ? await tryHeader(repository, file, signal) : undefined;
    if (header && 'why' in header) damagedPacks.push(header);
    if (isRight || (header && 'why' in header)) believed.add(file.id);
    else toRead.push(file);
  }
  return { believed, toRead, missing, damagedPacks };
}

/** What a pack holds, or why its header can't be read. */
async function tryHeader(
  repository: Repository,
  file: ListedFile,
  signal: AbortSignal,
): Promise<IndexedPack | UnreadablePack> {
  try {
    return await readHeader(repository, file, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!hasCode(error, 'vault/corrupt')) throw error;
    return { id: file.id, why: messageOf(error) };
  }
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
