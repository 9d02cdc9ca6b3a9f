import { findRestorePoint } from '../../vault/index.ts';
import type { CliContext } from '../context.ts';
import { type FilterOptions, filterOf } from '../arguments/snapshot-filter.ts';
import type { OpenedRepository, RepositoryLibrary } from './with-repository.ts';

export type FoundSnapshot = Awaited<ReturnType<RepositoryLibrary['listSnapshots']>>[number];

/**
 * The snapshots that ids and filters pick, oldest first: all that the filters let pass where no id is given. `onUnreadable` is
 * told of each that can't be read.
 */
export async function chosenSnapshots(
  { repository, library, use }: OpenedRepository,
  ids: readonly string[],
  {
    options,
    context,
    onUnreadable,
  }: {
    readonly options: FilterOptions;
    readonly context: CliContext;
    readonly onUnreadable?: (id: string) => void;
  },
): Promise<readonly FoundSnapshot[]> {
  const { signal, output } = context;
  const tell = (key: string, error: unknown): void => {
    output.failure(error);
    onUnreadable?.(key.slice(key.indexOf('/') + 1));
  };
  const all = await library.listSnapshots(repository, { signal, onUnreadable: tell });
  const isWanted = filterOf(options);
  const wanted = all
    .map((found) => ({ found, point: library.restorePointOf(found, use.name, repository.config.version) }))
    .filter(({ point }) => isWanted(point));
  const points = wanted.map(({ point }) => point);
  const named = new Set(ids.map((id) => findRestorePoint(points, id).id));
  return wanted.filter(({ point }) => ids.length === 0 || named.has(point.id)).map(({ found }) => found);
}
