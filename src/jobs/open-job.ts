import { basename } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { hasCode } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Job, VaultUse } from '../config/index.ts';
import type { RetentionPolicy, SourcePolicies } from '../engine/index.ts';
import { openSources, type Source, type SourceSpec } from '../source/index.ts';
import { type Limits, type ObjectStore, openStore } from '../store/index.ts';
import { type FileEvents, openVault, type RestorePoint, type Vault } from '../vault/index.ts';
import { jobsError } from './errors.ts';

export interface OpenOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Where metadata of repositories is kept on this machine; nowhere unless given. */
  readonly cacheDir?: string | undefined;
}

/** A vault and the store under it. Closing the vault closes the store. */
export interface OpenedVault {
  readonly use: VaultUse;
  readonly vault: Vault;
  /** Undefined when it could not be opened. */
  readonly store?: ObjectStore;
  /** Why nothing can be kept in it. */
  readonly failure?: unknown;
}

/** A mistake of whoever wrote the job, and not of the day: it stops the run before anything is read. */
const mistakes = ['source/bad-address', 'source/bad-pattern', 'source/bad-command'];

/** Stands in for a source that could not be opened: the run reports it as failed, and goes on with the others. */
function unavailableSource(spec: SourceSpec, error: unknown): Source {
  const name = spec.name ?? (spec.type === 'directory' ? basename(spec.path) : spec.type);
  const read = (): never => {
    throw error;
  };
  const shape = spec.type.startsWith('director') ? 'tree' : 'file';
  const type = spec.type === 'directories' ? 'directory' : spec.type;
  return { type, name, shape, paths: [], read };
}

/** Stands in for a vault that can't be used: what is given to it fails, and the other vaults are filled. */
export function unavailableVault(use: VaultUse, failure: unknown): OpenedVault {
  const refuse = (): Promise<never> => Promise.reject(failure);
  const vault: Vault = {
    name: use.name,
    type: use.spec.type,
    label: use.name,
    write: refuse,
    list: (): Promise<RestorePoint[]> => refuse(),
    async *read() {
      yield* [];
      await refuse();
    },
    verify: refuse,
    forget: refuse,
    sweep: refuse,
    close: () => Promise.resolve(),
  };
  return { use, vault, failure };
}

/** The sources of a job, and what kept some of them from being opened. */
export interface OpenedSources {
  readonly sources: readonly Source[];
  readonly failures: readonly unknown[];
  /** What is kept of those that have a retention of their own. */
  readonly policies: SourcePolicies;
}

/**
 * Opens the sources of a job; one that can't be is stood in for. Throws the first failure when none can be opened, and
 * jobs/same-name when two have one name: it names what is stored.
 */
export async function openJobSources(job: Job, options: OpenOptions): Promise<OpenedSources> {
  const opened: Source[] = [];
  const policies = new Map<string, RetentionPolicy>();
  const failures: { readonly spec: SourceSpec; readonly error: unknown }[] = [];
  for (const spec of job.sources) {
    try {
      const sources = await openSources(spec, options);
      opened.push(...sources);
      if (spec.retention) for (const { name } of sources) policies.set(name, spec.retention);
    } catch (error) {
      options.signal.throwIfAborted();
      if (hasCode(error, ...mistakes)) throw error;
      failures.push({ spec, error });
    }
  }
  const [first] = failures;
  if (first && opened.length === 0) throw first.error;
  const seen = new Map<string, Source>();
  for (const source of opened) {
    const other = seen.get(source.name);
    if (other)
      throw jobsError('same-name', {
        message: `two sources of the job "${job.name}" are named "${source.name}": ${other.paths.join(', ')} and ${source.paths.join(', ')}`,
        hint: 'Give one of them another name, or back them up in two jobs',
      });
    seen.set(source.name, source);
  }
  return {
    sources: [...opened, ...failures.map(({ spec, error }) => unavailableSource(spec, error))],
    failures: failures.map(({ error }) => error),
    policies,
  };
}

export interface VaultOptions extends Omit<OpenOptions, 'signal'> {
  readonly limits?: Limits;
  readonly events?: FileEvents;
  readonly dryRun?: boolean | undefined;
}

/** Opens a vault and the store under it. Nothing is sent yet. */
export async function openVaultUse(use: VaultUse, options: VaultOptions): Promise<OpenedVault> {
  const { clock, logger, limits = {}, events = {}, cacheDir, dryRun } = options;
  const retry = use.retry ? { retry: use.retry } : {};
  const store = await openStore(use.store, { clock, logger, limits, dryRun, ...retry });
  try {
    // What is on a disk of this machine need not be on another of its disks.
    const opening = { name: use.name, store, clock, logger, events, ...(use.store.type === 's3' && { cacheDir }) };
    return { use, store, vault: await openVault(use.spec, opening) };
  } catch (error) {
    await store.close();
    throw error;
  }
}
