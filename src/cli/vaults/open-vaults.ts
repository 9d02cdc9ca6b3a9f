import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  configError,
  type Configuration,
  configurationReaders,
  type Job,
  type Overrides,
  type VaultUse,
} from '../../config/index.ts';
import { openVaultUse } from '../../jobs/index.ts';
import { type RestorePoint, type Vault, vaultError } from '../../vault/index.ts';
import type { CliContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { distinctPoints, type FoundPoint } from './distinct-points.ts';
import { chosenRepository } from './chosen-repository.ts';
import { vaultAt, type VaultOptions } from '../arguments/vault-options.ts';

export const defaultConfigFile = 'holdfast.yaml';

/** Looked for in the current folder when none is named: ours, and those of the services that we stand in for. */
const defaultConfigFiles = [defaultConfigFile, 'holdfast.yml', 'backup_config.yaml', 'backups.yml'];

/**
 * The configuration: the file that --config, HOLDFAST_CONFIG or BACKUP_CONFIG_PATH names, else one of the usual files in
 * the current folder, else what the environment says. undefined when there is none.
 */
export async function findConfiguration(
  context: CliContext,
  overrides: Overrides = {},
): Promise<Configuration | undefined> {
  const { configPath, environment } = context;
  const file = configPath ?? defaultConfigFiles.find((name) => existsSync(name));
  const readers = await configurationReaders();
  if (file !== undefined) return readers.readConfiguration(file, environment, overrides);
  if (readers.optionsInstead(overrides).length > 0) return readers.readOverrides(overrides, environment);
  return readers.readEnvironmentConfiguration(environment);
}

/** The configuration, which must be there. Throws config/not-found. */
export async function requireConfiguration(context: CliContext): Promise<Configuration> {
  const configuration = await findConfiguration(context);
  if (configuration) return configuration;
  throw configError('not-found', {
    message: `there is no ${defaultConfigFile} here`,
    hint: 'Name a configuration with --config FILE',
  });
}

/** Opens a vault and the store under it; closing the vault closes the store. */
async function openReadingVault(use: VaultUse, { clock, logger, limits, cacheDir }: CliContext): Promise<Vault> {
  return (await openVaultUse(use, { clock, logger, limits, cacheDir })).vault;
}

/** Options of the commands that read restore points. */
export interface FromOptions extends VaultOptions {
  readonly from?: string;
  readonly vault?: string;
}

/** Vaults, and the jobs that may write into them. */
interface Chosen {
  readonly uses: readonly VaultUse[];
  readonly jobs: readonly Job[];
}

async function choose(options: FromOptions, context: CliContext): Promise<Chosen> {
  const named = options.from === undefined ? (options.vault === undefined ? undefined : '--vault') : '--from';
  const repository = await chosenRepository(context, { instead: named });
  if (repository) return { uses: [repository], jobs: [] };
  if (options.from !== undefined) return { uses: [await vaultAt(options.from, options, context)], jobs: [] };
  const configuration = await findConfiguration(context);
  if (!configuration)
    throw cliError('no-vault', {
      message: 'no vault is named',
      hint: `Name one with --from DIR or --from s3://bucket/prefix, a repository with --repo, or write ${defaultConfigFile}`,
    });
  const { vaults, jobs } = configuration;
  if (options.vault === undefined) return { uses: vaults, jobs };
  const use = vaults.find(({ name }) => name === options.vault);
  if (use) return { uses: [use], jobs };
  throw configError('unknown-vault', {
    message: `${configuration.origin} has no vault named "${options.vault}"`,
    hint: `Its vaults: ${vaults.map(({ name }) => name).join(', ')}`,
  });
}

/** The vaults that a reading command means: --repo's, --from's, --vault's, or all that the configuration names. */
export async function chosenVaults(options: FromOptions, context: CliContext): Promise<readonly VaultUse[]> {
  return (await choose(options, context)).uses;
}

/** A vault, and what it was opened from. */
export interface OpenedVault {
  readonly use: VaultUse;
  readonly vault: Vault;
  /** The names of the configured jobs that write into it. */
  readonly jobs: readonly string[];
}

/** Opens the chosen vaults for `work`, and closes them whatever happens. */
export async function withVaults<Result>(
  options: FromOptions,
  context: CliContext,
  work: (opened: readonly OpenedVault[]) => Promise<Result>,
): Promise<Result> {
  const opened: OpenedVault[] = [];
  try {
    const { uses, jobs } = await choose(options, context);
    for (const use of uses) {
      const own = jobs.filter(({ vaults }) => vaults.some(({ name }) => name === use.name)).map(({ name }) => name);
      opened.push({ use, vault: await openReadingVault(use, context), jobs: own });
    }
    return await work(opened);
  } finally {
    await Promise.all(opened.map(({ vault }) => vault.close()));
  }
}

/** A restore point and the vault that keeps it. */
export interface KeptRestorePoint {
  readonly vault: Vault;
  readonly point: RestorePoint;
}

/** A folder that is not there is a typing mistake or a disk that is not mounted, not a vault without restore points. */
export function checkFolder({ name, store, spec }: VaultUse): void {
  if (store.type !== 'local' || statSync(store.path, { throwIfNoEntry: false })?.isDirectory()) return;
  if (spec.type === 'repository' && spec.create === false)
    throw vaultError('no-repository', {
      message: `there is no repository in ${resolve(store.path)}: there is no such directory`,
      hint: 'Correct the path, mount the disk that it is on, or make a repository there: holdfast init',
    });
  throw cliError('no-vault', {
    message: `there is no directory ${resolve(store.path)}${name === store.path ? '' : ` (vault "${name}")`}`,
    hint: 'Correct the path, or mount the disk that it is on',
  });
}

/** The restore points of one vault; what can't be read in it is said on stderr and told to `onUnreadable`. */
async function listOne(
  opened: OpenedVault,
  context: CliContext,
  onUnreadable: () => void,
): Promise<(OpenedVault & FoundPoint)[]> {
  const { use, vault } = opened;
  checkFolder(use);
  const points = await vault.list({
    signal: context.signal,
    onUnreadable: (_key, error) => {
      context.output.failure(error);
      onUnreadable();
    },
  });
  return points.map((point) => ({ ...opened, point }));
}

/**
 * All restore points of several vaults, oldest first, each once. What can't be read is said on stderr and told to
 * `onUnreadable`, a whole vault too: when one is lost, the others must still be of use. Throws when none can be listed.
 */
export async function listAll(
  opened: readonly OpenedVault[],
  context: CliContext,
  onUnreadable: () => void = () => {},
): Promise<KeptRestorePoint[]> {
  const lists = await Promise.allSettled(opened.map((one) => listOne(one, context, onUnreadable)));
  context.signal.throwIfAborted();
  const failures = lists.filter((list) => list.status === 'rejected');
  if (failures.length > 0 && failures.length === lists.length) throw failures[0]?.reason;
  for (const { reason } of failures) {
    context.output.failure(reason);
    onUnreadable();
  }
  const found = lists.flatMap((list) => (list.status === 'fulfilled' ? list.value : []));
  return distinctPoints(found).toSorted((a, b) => a.point.startedAt.getTime() - b.point.startedAt.getTime());
}
