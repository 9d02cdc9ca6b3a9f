import { hasCode } from '../../../base/errors.ts';
import { rabinTables } from '../chunker/rabin-tables.ts';
import { indexWriterOf } from './index-writer.ts';
import type { Repository } from '../repository.ts';
import { ThreadPool } from '../threads/thread-pool.ts';
import { BlobSaver } from './blob-saver.ts';
import { PackAssembler } from './pack-assembler.ts';
import { PackMemory } from './pack-memory.ts';
import { Slabs } from './slabs.ts';

export interface SavingOptions {
  /** A pack that has reached it is full. */
  readonly packSizeBytes: number;
  /** zstd's level for data; undefined to store it as it is, as a repository of version 1 must. */
  readonly compressionLevel: number | undefined;
  readonly signal: AbortSignal;
  /** Nothing of it may be seen in the repository before this has resolved. */
  readonly mayWrite?: Promise<unknown>;
  /** Threads that have been started and wait for what they are to work with. */
  readonly threads?: ThreadPool | undefined;
}

/** Blobs on their way into a repository: everything that is needed, from memory to index. */
export interface Saving {
  readonly blobs: BlobSaver;
  /** Resolves when all that was saved is durable and indexed. Throws what has failed. */
  complete(): Promise<void>;
  /** The same when nothing more will be saved: the threads and their memory are gone when the index is written. */
  finish(): Promise<void>;
  /** Ends it: what was stored until now is indexed where that can be, so that the next run need not send it again. */
  abandon(error: unknown): Promise<void>;
  /** Ends the threads. To be called in any case. */
  close(): Promise<void>;
}

/** No index may name packs that others have deleted since they took our lock for dead. */
async function assertLocked(repository: Repository, mayWrite: Promise<unknown> | undefined): Promise<void> {
  await mayWrite;
  await repository.assertLocksHeld();
}

/** Starts threads that save blobs. The repository's index must be loaded. */
export function startSaving(repository: Repository, options: SavingOptions): Saving {
  const { key, config } = repository;
  const { packSizeBytes, signal, mayWrite } = options;
  const tables = rabinTables(config.chunkerPolynomial);
  const slabs = new Slabs();
  const memory = new PackMemory(packSizeBytes);
  const threads = options.threads ?? new ThreadPool();
  threads.begin({
    key,
    compresses: config.version > 1,
    compressionLevel: options.compressionLevel,
    slabs: slabs.memory,
    packs: memory.packs,
    packsUsed: memory.used,
    packsDigest: memory.digests,
  });
  const indexWriter = indexWriterOf(repository);
  const packs = new PackAssembler({
    clock: repository.clock,
    storeOf: (type) => repository.packStore(type),
    threads,
    memory,
    packSizeBytes,
    signal,
    ...(mayWrite && { mayWrite }),
    onStored: (pack) => {
      indexWriter.add(pack);
      blobs.stored(pack.blobs);
    },
    onFailed: (error) => blobs.fail(error),
  });
  const blobs: BlobSaver = new BlobSaver({ repository, slabs, threads, packs, tables });
  const onAbort = (): void => blobs.fail(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  const complete = async (onStored: () => Promise<void>): Promise<void> => {
    await blobs.flush();
    await packs.flush();
    await Promise.all([assertLocked(repository, mayWrite), onStored()]);
    await indexWriter.flush(signal);
  };
  return {
    blobs,
    complete: async () => complete(async () => {}),
    finish: async () => complete(async () => threads.close()),
    abandon: async (error) => {
      blobs.fail(error);
      await packs.settled();
      try {
        if (!hasCode(error, 'vault/lock-lost')) await indexWriter.flush(); // else as in assertLocked
      } catch {
        // the packs stay without an index: the next run finds them, or a prune removes them
      }
    },
    close: async () => {
      signal.removeEventListener('abort', onAbort);
      await threads.close();
    },
  };
}
