import { Option, type Command } from 'commander';
import type { VaultUse } from '../../config/index.ts';
import { openStore } from '../../store/index.ts';
import { repositoryLibrary, repositoryPassword } from '../../vault/index.ts';
import { chosenRepository } from '../vaults/chosen-repository.ts';
import type { CommandWork } from '../command-work.ts';
import type { CliContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { chosenVaults } from '../vaults/open-vaults.ts';
import {
  addSourceRepositoryOptions,
  sourceRepository,
  type SourceRepositoryOptions,
} from '../vaults/source-repository.ts';
import { addVaultOption, openUse, ownerOf, type RepositoryOptions } from '../vaults/with-repository.ts';

export interface InitOptions extends RepositoryOptions, SourceRepositoryOptions {
  readonly repositoryVersion?: '1' | '2' | 'stable' | 'latest';
  readonly copyChunkerParams?: boolean;
}

/** Where the repository is to be made: what is named, or the only repository of the configuration. */
async function placeOf(options: InitOptions, context: CliContext): Promise<VaultUse> {
  const named = options.vault === undefined ? undefined : '--vault';
  const repository = await chosenRepository(context, { isNew: true, instead: named });
  if (repository) return repository;
  const uses = (await chosenVaults(options, context)).filter(({ spec }) => spec.type === 'repository');
  if (uses.length === 1) return uses[0] as VaultUse;
  throw cliError('usage', {
    message: 'it is not said where to make the repository',
    hint: 'Name the place with --repo, or a vault of the type "repository" with --vault',
  });
}

/** Both cut content alike, so that a copy finds again what is there. */
async function polynomialOf(options: InitOptions, context: CliContext): Promise<bigint | undefined> {
  if (options.copyChunkerParams !== true) return undefined;
  return openUse(await sourceRepository(options, context), context, ({ repository }) =>
    Promise.resolve(repository.config.chunkerPolynomial),
  );
}

/** Makes a repository. */
async function init(options: InitOptions, context: CliContext): Promise<void> {
  const { clock, logger, signal, output } = context;
  const use = await placeOf(options, context);
  if (use.spec.type !== 'repository') throw new TypeError('no repository');
  const chunkerPolynomial = await polynomialOf(options, context);
  const password = await repositoryPassword(use.spec);
  const store = await openStore(use.store, { clock, logger });
  try {
    const { createRepository } = await repositoryLibrary();
    const repository = await createRepository({
      store,
      password,
      clock,
      logger,
      signal,
      ...ownerOf(context),
      version: options.repositoryVersion === '1' ? 1 : 2,
      ...(chunkerPolynomial !== undefined && { chunkerPolynomial }),
    });
    const { id, version } = repository.config;
    output.document({ type: 'initialized', id, version, repository: store.label });
    output.done(`created repository ${id.slice(0, 10)} at ${store.label}`);
    output.note('Without the password nothing in it can be read again: keep a copy of it elsewhere.');
  } finally {
    await store.close();
  }
}

function defineInit(command: Command): Command {
  return addSourceRepositoryOptions(addVaultOption(command))
    .addOption(
      new Option('--repository-version <version>', 'of the format: 2 (also stable, latest) or 1').choices([
        '1',
        '2',
        'stable',
        'latest',
      ]),
    )
    .option('--copy-chunker-params', 'cut content as the other repository does, so that copies find it again')
    .addHelpText(
      'after',
      `
Examples:
  holdfast init --repo /mnt/repository
  holdfast init --repo s3:https://host/bucket/prefix --password-file secret`,
    );
}

export const initCommand: CommandWork = { define: defineInit, run: init };
