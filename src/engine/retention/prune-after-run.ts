import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Vault } from '../../vault/index.ts';
import type { RunResult } from '../backup/run-backup.ts';
import { pruneVault, type PruneReport } from './prune-vault.ts';
import { hasRules, type RetentionPolicy } from './retention-policy.ts';
import { type RetentionTarget, targetKey, targetOf } from './retention-target.ts';

/** A vault of the run, and what is kept in it. */
export interface PrunedVault {
  readonly vault: Vault;
  readonly policy: RetentionPolicy | undefined;
}

/** A source by its name -> what is kept of it, whatever its vaults say. */
export type SourcePolicies = ReadonlyMap<string, RetentionPolicy>;

export interface PruneAfterRun {
  readonly result: RunResult;
  readonly vaults: readonly PrunedVault[];
  readonly sourcePolicies?: SourcePolicies;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /** IANA name of the zone in which days, weeks, … begin: the schedule's. UTC unless given. */
  readonly timezone?: string;
}

async function pruneOne({ vault, policy }: PrunedVault, run: PruneAfterRun): Promise<PruneReport | undefined> {
  const { clock, signal, logger, timezone, sourcePolicies } = run;
  const policyOf = ({ source }: Pick<RetentionTarget, 'source'>): RetentionPolicy | undefined =>
    sourcePolicies?.get(source.name) ?? policy;
  const made = run.result.sources
    .flatMap(({ restorePoints }) => restorePoints)
    .filter((point) => point.vault === vault.name && hasRules(policyOf(point)));
  if (made.length === 0) return undefined;
  const ours = new Set(made.map((point) => targetKey(targetOf(point))));
  const report = await pruneVault(vault, (target) => (ours.has(targetKey(target)) ? policyOf(target) : undefined), {
    clock,
    signal,
    reclaim: {},
    made,
    ...(timezone === undefined ? {} : { timezone }),
  });
  const { freedBytes } = report.reclaimed ?? {};
  logger.info(`Retention pruning completed: ${report.deleted} deleted, ${report.retained} retained`, {
    vault: vault.name,
    ...(freedBytes !== undefined && { freedBytes }),
  });
  for (const { code, message } of report.findings)
    logger.warn(`Retention pruning of ${vault.name}: ${message}`, { vault: vault.name, finding: code });
  return report;
}

/**
 * Prunes after a run: in each vault, by the source's or its own policy, only the targets of which this run has just made a restore point
 * there. A target that failed keeps all it has. Never rejects: a failure to prune is a warning in the log and a finding in the report.
 */
export async function pruneAfterRun(run: PruneAfterRun): Promise<PruneReport[]> {
  const reports = await Promise.all(run.vaults.map((one) => pruneOne(one, run)));
  return reports.filter((report) => report !== undefined);
}
