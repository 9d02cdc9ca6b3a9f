import { vaultError } from './errors.ts';
import type { RestorePoint } from './vault.ts';

const shownIds = 5;

const describe = (point: RestorePoint): string =>
  `${point.id.slice(0, 8)} (${point.source.name}, ${point.startedAt.toISOString()})`;

/**
 * Finds the restore point that `id` means: a beginning of one id, or "latest", if wanted the latest of the source named
 * `sourceName`. vault/not-found and vault/ambiguous say what there is.
 */
export function findRestorePoint(points: readonly RestorePoint[], id: string, sourceName?: string): RestorePoint {
  const candidates = sourceName === undefined ? points : points.filter((point) => point.source.name === sourceName);
  const newestFirst = [...candidates].sort((a, b) => b.startedAt.getTime() - a.startedAt.getTime());
  const wanted = id.trim().toLowerCase();
  const found =
    wanted === 'latest' ? newestFirst.slice(0, 1) : newestFirst.filter((point) => point.id.startsWith(wanted));
  const [first] = wanted === '' ? [] : found;
  // Copies of one restore point in several vaults have the same id: any of them is meant.
  const second = found.find((point) => point.id !== first?.id);
  if (first === undefined) {
    const of = sourceName === undefined ? '' : ` of the source "${sourceName}"`;
    const shown = newestFirst.slice(0, shownIds).map(describe).join(', ');
    throw vaultError('not-found', {
      message: wanted === 'latest' ? `There is no restore point${of}.` : `There is no restore point "${id}"${of}.`,
      hint: shown === '' ? 'List the vault, or run a backup first.' : `The newest are ${shown}.`,
    });
  }
  const sources = new Set(newestFirst.filter(({ runId }) => runId === first.runId).map((point) => point.source.name));
  if (wanted === 'latest' && sources.size > 1) {
    throw vaultError('ambiguous', {
      message: `The latest run made ${sources.size} restore points: ${[...sources].sort().join(', ')}.`,
      hint: 'Say which: --source NAME.',
    });
  }
  if (second !== undefined) {
    throw vaultError('ambiguous', {
      message: `"${id}" is the beginning of ${found.length} restore points.`,
      hint: `Give more digits: ${found
        .slice(0, shownIds)
        .map((point) => point.id.slice(0, wanted.length + 8))
        .join(', ')}.`,
    });
  }
  return first;
}
