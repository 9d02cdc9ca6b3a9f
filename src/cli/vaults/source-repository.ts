import type { Command } from 'commander';
import type { VaultUse } from '../../config/index.ts';
import { addressFromFile, repositoryStore } from './chosen-repository.ts';
import type { CliContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { eitherVariable } from '../arguments/repository-address.ts';
import { askRepositoryPassword } from '../arguments/repository-password.ts';

/** Options that name a second repository, from which something is taken. */
export interface SourceRepositoryOptions {
  readonly fromRepo?: string;
  readonly fromRepositoryFile?: string;
  readonly fromPasswordFile?: string;
  readonly fromPasswordCommand?: string;
  readonly fromKeyHint?: string;
}

export function addSourceRepositoryOptions(command: Command): Command {
  return command
    .option('--from-repo <address>', 'the other repository (also RESTIC_FROM_REPOSITORY)')
    .option('--from-repository-file <file>', 'file that holds its address')
    .option('--from-password-file <file>', 'file that holds its password (also RESTIC_FROM_PASSWORD_FILE)')
    .option('--from-password-command <command>', 'command that prints its password')
    .option('--from-key-hint <id>', 'the key of it to try first (also RESTIC_FROM_KEY_HINT)');
}

async function addressOf(options: SourceRepositoryOptions, { environment }: CliContext): Promise<string | undefined> {
  if (options.fromRepo !== undefined) return options.fromRepo;
  if (options.fromRepositoryFile !== undefined)
    return addressFromFile(options.fromRepositoryFile, '--from-repository-file');
  return eitherVariable('FROM_REPOSITORY', environment);
}

/** The second repository that the options or the variables name. Throws cli/usage when none is. */
export async function sourceRepository(options: SourceRepositoryOptions, context: CliContext): Promise<VaultUse> {
  const address = await addressOf(options, context);
  if (address === undefined)
    throw cliError('usage', {
      message: 'it is not said from which repository',
      hint: 'Name it with --from-repo',
    });
  const store = repositoryStore(address, context);
  const said = { passwordFile: options.fromPasswordFile, passwordCommand: options.fromPasswordCommand };
  const password = await askRepositoryPassword(said, context, { whose: 'FROM_' });
  const keyHint = options.fromKeyHint ?? eitherVariable('FROM_KEY_HINT', context.environment);
  const opening = { password, ...(keyHint !== undefined && { keyHint }), create: false };
  return { name: address, store, spec: { type: 'repository', ...opening } };
}
