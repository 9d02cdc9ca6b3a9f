import type { Clock } from '../../base/clock.ts';
import { forEachConcurrently } from '../../base/concurrency.ts';
import { messageOf } from '../../base/errors.ts';
import type { PruneLimits, RestorePoint, Vault, VaultPruneOptions, VaultPruneReport } from '../../vault/index.ts';
import type { RetentionPolicy } from './retention-policy.ts';
import { groupByTarget, targetLabel, type RetentionTarget, type TargetOptions } from './retention-target.ts';
import { selectKept, type KeptPoint, type SelectOptions } from './select-kept.ts';

/** Enough to hide a store's latency; few enough that a store which refuses is not asked a thousand times. */
const removalsInFlight = 4;

/** Something about pruning that its owner should know; backing up went well all the same. */
export interface PruneFinding {
  readonly code: 'prune-paused' | 'prune-failed' | 'prune-unreadable';
  readonly message: string;
  readonly error?: unknown;
}

/** What became of the restore points of one target. */
export interface TargetPruning {
  readonly target: RetentionTarget;
  readonly kept: readonly KeptPoint[];
  /** What the policy does not keep, newest first: deleted unless a finding says otherwise, or it was a dry run. */
  readonly removed: readonly RestorePoint[];
}

export interface PruneReport {
  readonly vault: string;
  readonly dryRun: boolean;
  /** Only targets that have a policy. */
  readonly targets: readonly TargetPruning[];
  /** How many restore points are gone (would be gone, in a dry run), and how many of the same targets are left. */
  readonly deleted: number;
  readonly retained: number;
  /** What became of the bytes of a vault whose restore points share them; undefined where nothing was to be freed so. */
  readonly reclaimed?: VaultPruneReport;
  readonly findings: readonly PruneFinding[];
}

export interface PruneOptions extends Omit<SelectOptions, 'justMade'>, TargetOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Only says what would be deleted. */
  readonly dryRun?: boolean;
  /** Also frees the bytes that only the deleted restore points needed, where the vault's restore points share bytes; within these limits. */
  readonly reclaim?: PruneLimits & Pick<VaultPruneOptions, 'onProgress'>;
  /** Restore points that were just made: they stay, and what another program left of a target counts too once a good one of ours stands. */
  readonly made?: readonly RestorePoint[];
  /** Restore points that are looked at: others are neither counted nor deleted. All unless given. */
  readonly isConcerned?: (point: RestorePoint) => boolean;
}

const pausedFinding = (target: RetentionTarget, why: string): PruneFinding => ({
  code: 'prune-paused',
  message: `nothing of ${targetLabel(target)} is removed: ${why}; look at it, then prune with "holdfast forget --force"`,
});

/** Deletes oldest first, so that whatever ends it half-way leaves what the policy wants most. Returns how many. */
async function removeAll(
  vault: Vault,
  points: readonly RestorePoint[],
  options: { readonly signal: AbortSignal; readonly onFailure: (finding: PruneFinding) => void },
): Promise<number> {
  const { signal, onFailure } = options;
  let removed = 0;
  try {
    if (vault.type === 'repository' && points.length > 0) {
      // One by one each would lock out all others.
      await vault.forget(points.toReversed(), signal);
      return points.length;
    }
    await forEachConcurrently(points.toReversed(), removalsInFlight, async (point) => {
      signal.throwIfAborted();
      await vault.forget([point], signal);
      removed += 1;
    });
  } catch (error) {
    const message = `${points.length - removed} old restore points could not be removed: ${messageOf(error)}`;
    onFailure({ code: 'prune-failed', message, error });
  }
  return removed;
}

/** The same, and frees what no restore point needs any more. These are gone and the others safe all the same when that fails. */
async function removeAndReclaim(
  prune: NonNullable<Vault['prune']>,
  points: readonly RestorePoint[],
  {
    limits,
    signal,
    onFailure,
  }: {
    readonly limits: NonNullable<PruneOptions['reclaim']>;
    readonly signal: AbortSignal;
    readonly onFailure: (finding: PruneFinding) => void;
  },
): Promise<{ readonly deleted: number; readonly reclaimed?: VaultPruneReport }> {
  let deleted = 0;
  const onForgotten = (): void => void (deleted = points.length);
  try {
    const reclaimed = await prune({ ...limits, forget: points.toReversed(), onForgotten, signal });
    return { deleted, reclaimed };
  } catch (error) {
    const what =
      deleted > 0
        ? 'what old restore points took could not be freed; it is, when the next old ones are removed'
        : `${points.length} old restore points could not be removed`;
    onFailure({ code: 'prune-failed', message: `${what}: ${messageOf(error)}`, error });
    return { deleted };
  }
}

async function remove(
  vault: Vault,
  doomed: readonly RestorePoint[],
  options: PruneOptions & { readonly onFailure: (finding: PruneFinding) => void },
): Promise<{ readonly deleted: number; readonly reclaimed?: VaultPruneReport }> {
  const { reclaim: limits, dryRun = false } = options;
  if (dryRun || doomed.length === 0) return { deleted: doomed.length };
  if (!limits || !vault.prune) return { deleted: await removeAll(vault, doomed, options) };
  return removeAndReclaim(vault.prune.bind(vault), doomed, { ...options, limits });
}

/** What the policies of the targets in a vault keep and remove. */
async function plan(
  vault: Vault,
  policyOf: (target: RetentionTarget) => RetentionPolicy | undefined,
  options: PruneOptions & { readonly onFinding: (finding: PruneFinding) => void },
): Promise<TargetPruning[]> {
  const { clock, signal, onFinding } = options;
  const points = await vault.list({
    signal,
    onUnreadable: (key, error) =>
      onFinding({ code: 'prune-unreadable', message: `${key} can't be read and stays: ${messageOf(error)}`, error }),
  });
  const { made = [] } = options;
  const justMade = new Set(made.map(({ id }) => id));
  const good = made.filter(({ status }) => status === 'ok');
  const foreign = good.length > 0 ? await vault.listForeign?.(good, signal) : [];
  const all = [...points, ...(foreign ?? [])];
  const concerned = options.isConcerned ? all.filter(options.isConcerned) : all;
  return groupByTarget(concerned, options).flatMap(({ target, points: own }): TargetPruning[] => {
    const policy = policyOf(target);
    if (policy === undefined) return [];
    const { kept, removed, paused } = selectKept(own, policy, clock.now(), { ...options, justMade });
    if (paused !== undefined) onFinding(pausedFinding(target, paused));
    return [{ target, kept, removed }];
  });
}

/**
 * Lists a vault and deletes what the policies of its targets do not keep. `policyOf` says which policy a target has;
 * one without a policy, or with an empty one, is left alone. What can't be read is never deleted. Never rejects: what
 * went wrong, the signal's abort included, is a finding, as the backups that stand are no worse for it.
 */
export async function pruneVault(
  vault: Vault,
  policyOf: (target: RetentionTarget) => RetentionPolicy | undefined,
  options: PruneOptions,
): Promise<PruneReport> {
  const { dryRun = false } = options;
  const findings: PruneFinding[] = [];
  const onFinding = (finding: PruneFinding): void => void findings.push(finding);
  let targets: readonly TargetPruning[] = [];
  try {
    targets = await plan(vault, policyOf, { ...options, onFinding });
  } catch (error) {
    onFinding({ code: 'prune-failed', message: `nothing was removed: ${messageOf(error)}`, error });
  }
  const doomed = targets.flatMap(({ removed }) => removed);
  const { deleted, reclaimed } = await remove(vault, doomed, { ...options, onFailure: onFinding });
  const total = targets.reduce((sum, { kept, removed }) => sum + kept.length + removed.length, 0);
  return {
    vault: vault.name,
    dryRun,
    targets,
    deleted,
    retained: total - deleted,
    ...(reclaimed && { reclaimed }),
    findings,
  };
}
