import { mapOrdered } from '../../../base/concurrency.ts';
import { hasCode, messageOf } from '../../../base/errors.ts';
import { vaultError } from '../../errors.ts';
import { decodeSnapshot } from '../format/snapshot-file.ts';
import type { Repository } from '../repository.ts';
import type { FoundSnapshot } from './snapshot-facts.ts';

/** How many snapshots are read at once. */
const readAtOnce = 8;

export interface ListSnapshotsOptions {
  readonly signal: AbortSignal;
  /** Told of each that can't be read; without it that throws vault/bad-manifest. */
  readonly onUnreadable?: (key: string, error: unknown) => void;
}

/** All snapshots of a repository, in the order of their times. One that was removed meanwhile is left out. */
export async function listSnapshots(
  repository: Repository,
  { signal, onUnreadable }: ListSnapshotsOptions,
): Promise<FoundSnapshot[]> {
  const read = async ({ id }: { readonly id: string }): Promise<FoundSnapshot | undefined> => {
    try {
      return { id, snapshot: decodeSnapshot(await repository.loadFile('snapshots', id, signal)) };
    } catch (error) {
      if (hasCode(error, 'vault/missing-object')) return undefined;
      if (!hasCode(error, 'vault/corrupt', 'vault/newer-format')) throw error;
      const unreadable = vaultError('bad-manifest', {
        message: `The snapshot ${id.slice(0, 8)} can not be read: ${messageOf(error)}`,
        hint: 'Run "holdfast check"; other snapshots are not affected.',
        context: { id },
        cause: error,
      });
      if (!onUnreadable) throw unreadable;
      onUnreadable(`snapshots/${id}`, unreadable);
      return undefined;
    }
  };
  const all = await Array.fromAsync(mapOrdered(repository.list('snapshots', signal), readAtOnce, read));
  const found = all.filter((one) => one !== undefined);
  return found.sort((a, b) => compare(a.snapshot.timeNs, b.snapshot.timeNs) || compare(a.id, b.id));
}

const compare = <Value extends string | bigint>(a: Value, b: Value): number => (a < b ? -1 : a > b ? 1 : 0);
