import { readFile } from 'node:fs/promises';
import { messageOf } from '../../base/errors.ts';
import { lookUpVariable, type VaultUse } from '../../config/index.ts';
import type { StoreSpec } from '../../store/index.ts';
import type { RepositoryVaultSpec } from '../../vault/index.ts';
import type { CliContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { withExtendedOptions } from '../arguments/extended-options.ts';
import { eitherVariable, parseRepositoryAddress } from '../arguments/repository-address.ts';
import { withTlsOptions } from '../arguments/tls-options.ts';
import { askRepositoryPassword, type WantedPassword } from '../arguments/repository-password.ts';

/** Where a repository is, as it was said. */
export interface SaidRepository {
  readonly address: string;
  /** True where an option says it, which nothing may contradict. */
  readonly byOption: boolean;
}

export async function addressFromFile(file: string, from: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    const message = `${from}: ${file} can't be read: ${messageOf(error)}`;
    throw cliError('usage', { message, hint: 'Name a file that holds the address alone', cause: error });
  }
}

/**
 * The address of the repository that --repo, --repository-file, HOLDFAST_REPOSITORY or restic's variables give; undefined
 * when none does. A configuration that is named goes before restic's variables. Throws cli/usage.
 */
export async function saidRepository({
  globals,
  environment,
  configPath,
}: CliContext): Promise<SaidRepository | undefined> {
  const { repo, repositoryFile } = globals;
  if (repo !== undefined && repositoryFile !== undefined)
    throw cliError('usage', { message: '--repo and --repository-file exclude each other' });
  if (repo !== undefined) return { address: repo, byOption: true };
  if (repositoryFile !== undefined)
    return { address: await addressFromFile(repositoryFile, '--repository-file'), byOption: true };
  if (globals.config !== undefined) return undefined;
  const ours = lookUpVariable('HOLDFAST_REPOSITORY', environment);
  const restics = configPath === undefined ? lookUpVariable('RESTIC_REPOSITORY', environment) : undefined;
  const address = ours ?? restics;
  return address === undefined ? undefined : { address: address.trim(), byOption: false };
}

/** The store at a repository's address, with what the options say of it. */
export function repositoryStore(address: string, context: CliContext): StoreSpec {
  const store = parseRepositoryAddress(address, context.environment);
  return withTlsOptions(withExtendedOptions(store, context.globals), context);
}

const compressions = ['auto', 'max', 'off'] as const;

/** How blobs are packed. Throws cli/usage. */
export function packingOptions({
  globals,
  environment,
}: CliContext): Pick<RepositoryVaultSpec, 'compression' | 'packSizeMiB'> {
  const wanted = globals.compression ?? lookUpVariable('RESTIC_COMPRESSION', environment);
  const compression = compressions.find((known) => known === wanted);
  if (wanted !== undefined && compression === undefined)
    throw cliError('usage', {
      message: `"${wanted}" is no compression of a repository`,
      hint: `Accepted: ${compressions.join(', ')}`,
    });
  const size = globals.packSize ?? lookUpVariable('RESTIC_PACK_SIZE', environment);
  if (size !== undefined && !/^\d{1,3}$/.test(size))
    throw cliError('usage', { message: `--pack-size takes whole MiB from 4 to 128, not "${size}"` });
  return { ...(compression && { compression }), ...(size !== undefined && { packSizeMiB: Number(size) }) };
}

/** The options that a command needs again to open the repository, the secrets in the environment apart. */
export function passwordFlags({ globals }: CliContext): readonly string[] {
  const { passwordFile, passwordCommand, cacert, insecureTls } = globals;
  const flags = { '--password-file': passwordFile, '--password-command': passwordCommand, '--cacert': cacert };
  const valued = Object.entries(flags).flatMap(([flag, value]) => (value === undefined ? [] : [flag, value]));
  return insecureTls ? [...valued, '--insecure-tls'] : valued;
}

export interface ChosenRepository extends WantedPassword {
  /** An option that names another place, which is given: only an option of ours contradicts it. */
  readonly instead?: string | undefined;
  /** True where only an option can mean it: a variable is for commands that could mean nothing else. */
  readonly optionsOnly?: boolean;
}

/**
 * The repository that the command line or the environment names, as a vault whose restore points come with their whole
 * paths, as restic's do; undefined when none is named. Throws cli/usage, vault/key-needed.
 */
export async function chosenRepository(
  context: CliContext,
  wanted: ChosenRepository = {},
): Promise<VaultUse | undefined> {
  const said = await saidRepository(context);
  if (said?.byOption === false && wanted.optionsOnly === true) return undefined;
  const { instead = context.globals.config === undefined ? undefined : '--config' } = wanted;
  if (said?.byOption && instead !== undefined)
    throw cliError('usage', { message: `--repo and ${instead} exclude each other`, hint: 'Name one place only' });
  if (!said || instead !== undefined) return undefined;
  const store = repositoryStore(said.address, context);
  const packing = packingOptions(context);
  const password = await askRepositoryPassword(context.globals, context, wanted);
  const keyHint = context.globals.keyHint ?? eitherVariable('KEY_HINT', context.environment);
  const opening = { password, ...(keyHint !== undefined && { keyHint }), create: false };
  const spec: RepositoryVaultSpec = { type: 'repository', ...opening, ...packing, wholePaths: true };
  return { name: said.address, spec, store };
}
