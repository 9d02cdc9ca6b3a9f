import type { VerifyFinding } from '../../vault.ts';
import type { Repository } from '../repository.ts';

/** So often it is looked at most. */
const mostLooks = 3;

export interface Looking<Report> {
  readonly look: () => Promise<Report>;
  readonly findingsOf: (report: Report) => readonly VerifyFinding[];
  readonly signal: AbortSignal;
}

/**
 * Looks for damage, which takes no lock: what is missing because a prune or a forget has removed it meanwhile is none, and it is looked
 * again.
 */
export async function lookUndisturbed<Report>(
  repository: Repository,
  { look, findingsOf, signal }: Looking<Report>,
): Promise<Report> {
  for (let looks = 1; ; looks += 1) {
    const before = await changingFiles(repository, signal);
    const report = await look();
    if (findingsOf(report).length === 0 || looks === mostLooks) return report;
    if (before.isSubsetOf(await changingFiles(repository, signal))) return report;
    repository.logger.info('Something was removed from the repository while it was checked: the check begins anew.');
  }
}

/** The names of what is removed before what it speaks of is. */
async function changingFiles(repository: Repository, signal: AbortSignal): Promise<Set<string>> {
  const names = new Set<string>();
  for (const kind of ['snapshots', 'index'] as const)
    for await (const { id } of repository.list(kind, signal)) names.add(id);
  return names;
}
