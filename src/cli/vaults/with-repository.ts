import { userInfo } from 'node:os';
import type { Command } from 'commander';
import type { VaultUse } from '../../config/index.ts';
import { openStore } from '../../store/index.ts';
import { repositoryLibrary, repositoryPassword } from '../../vault/index.ts';
import type { CliContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { checkFolder, chosenVaults, type FromOptions } from './open-vaults.ts';

/** All functions that take a repository. */
export type RepositoryLibrary = Awaited<ReturnType<typeof repositoryLibrary>>;

export type Repository = Awaited<ReturnType<RepositoryLibrary['openRepository']>>;

/** A repository that is open, and what can be done with it. */
export interface OpenedRepository {
  readonly use: VaultUse;
  readonly repository: Repository;
  readonly library: RepositoryLibrary;
}

/** Options of the commands for repositories alone. */
export type RepositoryOptions = Pick<FromOptions, 'vault'>;

export function addVaultOption(command: Command): Command {
  return command.option('--vault <name>', 'this vault of the configuration, which is a repository');
}

/** Who we are, as locks and keys say it. */
export const ownerOf = ({ host }: CliContext): { readonly host: string; readonly user: string } => ({
  host,
  user: userInfo().username,
});

/** The one repository that a command means. Throws cli/no-vault and cli/usage. */
async function onlyRepository(options: RepositoryOptions, context: CliContext): Promise<VaultUse> {
  const uses = (await chosenVaults(options, context)).filter(({ spec }) => spec.type === 'repository');
  const [only, another] = uses;
  if (!only)
    throw cliError('no-vault', {
      message: 'this command is for repositories, and none is named',
      hint: 'Name one with --repo, or a vault of the type "repository" with --vault',
    });
  if (another)
    throw cliError('usage', {
      message: `the configuration has ${uses.length} repositories: ${uses.map(({ name }) => name).join(', ')}`,
      hint: 'Say which: --vault NAME',
    });
  return only;
}

/** Opens a repository for `work`, and closes it whatever happens. */
export async function openUse<Result>(
  use: VaultUse,
  context: CliContext,
  work: (opened: OpenedRepository) => Promise<Result>,
): Promise<Result> {
  const { clock, logger, limits, cacheDir, signal } = context;
  if (use.spec.type !== 'repository') throw new TypeError(`${use.name} is no repository`);
  const library = await repositoryLibrary();
  const password = await repositoryPassword(use.spec);
  const store = await openStore(use.store, { clock, logger, limits, ...(use.retry ? { retry: use.retry } : {}) });
  try {
    const cached = use.store.type === 's3' ? { cacheDir } : {};
    const { keyHint } = use.spec;
    const repository = await library.openRepository({ store, password, keyHint, clock, logger, signal, ...cached });
    return await work({ use, repository, library });
  } finally {
    await store.close();
  }
}

/** Opens the repository that the options mean for `work`, and closes it whatever happens. */
export async function withRepository<Result>(
  options: RepositoryOptions,
  context: CliContext,
  work: (opened: OpenedRepository) => Promise<Result>,
): Promise<Result> {
  const use = await onlyRepository(options, context);
  checkFolder(use);
  return openUse(use, context, work);
}
