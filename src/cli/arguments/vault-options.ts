import { readFile } from 'node:fs/promises';
import { Option, type Command } from 'commander';
import { messageOf } from '../../base/errors.ts';
import { registerSecret } from '../../base/secrets.ts';
import { lookUpVariable, type Environment, type VaultUse } from '../../config/index.ts';
import type { StoreSpec } from '../../store/index.ts';
import type { ArchiveVaultSpec } from '../../vault/index.ts';
import type { CliContext } from '../context.ts';
import { cliError } from '../errors.ts';
import { withTlsOptions } from './tls-options.ts';
import { parseVaultAddress } from './vault-address.ts';

/** What the command line may say of a vault that no configuration names. */
export interface VaultOptions {
  readonly endpoint?: string;
  readonly region?: string;
  readonly encryption?: 'age' | 'openssl';
  readonly recipient?: readonly string[];
  readonly passphraseFile?: string;
  readonly identityFile?: string;
  readonly layout?: string;
}

export const collect = (value: string, previous: readonly string[] | undefined): string[] => [
  ...(previous ?? []),
  value,
];

/** The options that reading needs: where the store is, and the key. */
export function addReadOptions(command: Command): Command {
  return command
    .option('--endpoint <url>', 'S3 endpoint, when it is not Amazon (also AWS_ENDPOINT_URL)')
    .option('--region <name>', 'S3 region (also AWS_REGION)')
    .option('--passphrase-file <file>', 'file that holds the passphrase (also HOLDFAST_PASSPHRASE, …_FILE)')
    .option('--identity-file <file>', 'age identities that open the backups (also HOLDFAST_IDENTITY_FILE)');
}

/** The options that name the vault of restore points, and open it. */
export function addFromOptions(command: Command): Command {
  command
    .optionsGroup('Which vault:')
    .option('--from <address>', 'the vault: a directory or s3://bucket/prefix')
    .option('--vault <name>', 'only this vault of the configuration');
  return addReadOptions(command).optionsGroup('Options:');
}

/** The options that a command needs again to read what was written with them. */
export function readingFlags({ endpoint, region, passphraseFile }: VaultOptions): readonly string[] {
  const flags = { '--endpoint': endpoint, '--region': region, '--passphrase-file': passphraseFile };
  return Object.entries(flags).flatMap(([flag, value]) => (value === undefined ? [] : [flag, value]));
}

/** The options that writing needs beside those of reading. */
export function addWriteOptions(command: Command): Command {
  return addReadOptions(command)
    .addOption(
      new Option('--encryption <type>', 'encrypt for age recipients or a passphrase').choices(['age', 'openssl']),
    )
    .option('--recipient <age1…>', 'age recipient; repeat for several', collect)
    .option('--layout <template>', 'names of the objects: {job} {source} {timestamp} {run} {date} {time}');
}

/** "gzip:9" -> what the vault takes. Throws cli/usage. */
export function parseCompression(text: string | undefined): NonNullable<ArchiveVaultSpec['compression']> | undefined {
  if (text === undefined) return undefined;
  const [algorithm, level, ...rest] = text.split(':');
  const highest = { gzip: 9, zstd: 19, none: 0 }[algorithm ?? ''];
  const number = level === undefined ? undefined : Number(level);
  const levelFits = number === undefined || (Number.isInteger(number) && number >= 1 && number <= (highest ?? 0));
  if (highest === undefined || rest.length > 0 || !levelFits)
    throw cliError('usage', {
      message: `"${text}" is no compression`,
      hint: 'Accepted: gzip, gzip:1 to gzip:9, zstd, zstd:1 to zstd:19, none',
    });
  return { algorithm: algorithm as 'gzip' | 'zstd' | 'none', ...(number === undefined ? {} : { level: number }) };
}

async function readSecretFile(path: string, option: string): Promise<string> {
  try {
    return registerSecret((await readFile(path, 'utf8')).replace(/\r?\n$/, ''));
  } catch (error) {
    throw cliError('usage', { message: `${option}: ${path} can't be read: ${messageOf(error)}`, cause: error });
  }
}

/** The identities of an age key file: its lines that are no comments. */
async function readIdentities(path: string): Promise<string[]> {
  const lines = (await readSecretFile(path, '--identity-file')).split(/\r?\n/).map((line) => line.trim());
  return lines.filter((line) => line !== '' && !line.startsWith('#')).map(registerSecret);
}

async function passphraseOf(options: VaultOptions, environment: Environment): Promise<string | undefined> {
  if (options.passphraseFile !== undefined) return readSecretFile(options.passphraseFile, '--passphrase-file');
  const passphrase = lookUpVariable('HOLDFAST_PASSPHRASE', environment);
  return passphrase === undefined ? undefined : registerSecret(passphrase);
}

async function identitiesOf(options: VaultOptions, environment: Environment): Promise<string[] | undefined> {
  const file = options.identityFile ?? lookUpVariable('HOLDFAST_IDENTITY_FILE', environment);
  return file === undefined ? undefined : readIdentities(file);
}

interface Keys {
  readonly recipients: readonly string[] | undefined;
  readonly identities: readonly string[] | undefined;
  readonly passphrase: string | undefined;
}

/** The keys that the options and the environment give. */
async function keysOf(options: VaultOptions, environment: Environment): Promise<Keys> {
  const [passphrase, identities] = [await passphraseOf(options, environment), await identitiesOf(options, environment)];
  return { recipients: options.recipient, identities, passphrase };
}

/** How a vault seals and what opens it. A passphrase alone means age, which any passphrase of a vault opens too. */
function encryptionOf(wanted: VaultOptions['encryption'], keys: Keys): ArchiveVaultSpec['encryption'] {
  const { recipients, identities, passphrase } = keys;
  const hasKeys = recipients !== undefined || identities !== undefined || passphrase !== undefined;
  if (wanted === 'openssl') {
    if (passphrase !== undefined) return { type: 'openssl', passphrase };
    throw cliError('usage', {
      message: '--encryption openssl needs a passphrase',
      hint: 'Give it in a file (--passphrase-file) or in HOLDFAST_PASSPHRASE',
    });
  }
  if (hasKeys)
    return {
      type: 'age',
      ...(recipients ? { recipients } : {}),
      ...(identities ? { identities } : {}),
      ...(passphrase === undefined || recipients ? {} : { passphrase }),
    };
  if (wanted === undefined) return undefined;
  throw cliError('usage', {
    message: '--encryption age needs a recipient or a passphrase',
    hint: 'Give --recipient age1… (the public half of what age-keygen makes) or --passphrase-file',
  });
}

/** An archive vault at an address, as the options describe it. */
export async function vaultAt(
  address: string,
  options: VaultOptions,
  context: Pick<CliContext, 'environment' | 'globals' | 'logger'>,
): Promise<VaultUse> {
  const { environment, globals } = context;
  const parsed = withTlsOptions(parseVaultAddress(address, environment), context);
  const store: StoreSpec =
    parsed.type === 's3'
      ? {
          ...parsed,
          ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
          ...(options.region === undefined ? {} : { region: options.region }),
        }
      : parsed;
  const compression = parseCompression(globals.compression);
  const encryption = encryptionOf(options.encryption, await keysOf(options, environment));
  return {
    name: address,
    store,
    spec: {
      type: 'archive',
      ...(compression ? { compression } : {}),
      ...(encryption ? { encryption } : {}),
      ...(options.layout === undefined ? {} : { layout: options.layout }),
    },
  };
}
