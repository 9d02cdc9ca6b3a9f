import { hash } from 'node:crypto';
import { MiB } from '../../../../base/bytes.ts';
import type { Repository } from '../../repository.ts';
import { type Saving, startSaving } from '../../saving/saving.ts';

const compressionLevel = 3;

/** Where rewritten trees go. */
export interface TreeSaving {
  /** Returns the id of a tree. */
  save(json: Buffer): Promise<string>;
  /** Resolves when all trees are durable and indexed. */
  complete(): Promise<void>;
}

/** Calls `work` with somewhere to save trees to; in a dry run they are only named. The repository's index must be loaded. */
export async function withTreeSaving<Result>(
  repository: Repository,
  { dryRun, signal }: { readonly dryRun: boolean; readonly signal: AbortSignal },
  work: (trees: TreeSaving) => Promise<Result>,
): Promise<Result> {
  if (dryRun) return work({ save: async (json) => hash('sha256', json, 'hex'), complete: async () => {} });
  let saving: Saving | undefined;
  const start = (): Saving => startSaving(repository, { packSizeBytes: 16 * MiB, compressionLevel, signal });
  try {
    const result = await work({
      save: async (json) => {
        saving ??= start();
        const id = saving.blobs.saveTree(json);
        await saving.blobs.ready();
        return id;
      },
      complete: async () => saving?.complete(),
    });
    return result;
  } catch (error) {
    await saving?.abandon(error);
    throw error;
  } finally {
    await saving?.close();
  }
}
