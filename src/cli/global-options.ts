import { join } from 'node:path';
import { Option, type Command } from 'commander';
import type { Environment } from '../config/index.ts';
import type { Limits } from '../store/index.ts';
import { cliError } from './errors.ts';

/** The options that every command has, before its name or behind it. */
export interface GlobalOptions {
  readonly config?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly logLevel?: string;
  readonly logFormat?: string;
  readonly repo?: string;
  readonly repositoryFile?: string;
  readonly passwordFile?: string;
  readonly passwordCommand?: string;
  /** False with --no-cache. */
  readonly cache?: boolean;
  readonly cacheDir?: string;
  readonly cacert?: string;
  readonly insecureTls?: boolean;
  /** False with --no-lock. */
  readonly lock?: boolean;
  readonly keyHint?: string;
  /** "key=value", what restic calls extended options. */
  readonly option?: readonly string[];
  readonly compression?: string;
  readonly packSize?: string;
  readonly limitUpload?: string;
  readonly limitDownload?: string;
}

const listed = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];

export function addGlobalOptions(program: Command): Command {
  return program
    .option('--config <file>', 'configuration file (also HOLDFAST_CONFIG; default: ./holdfast.yaml)')
    .option('--json', 'print JSON for programs')
    .option('-q, --quiet', 'print errors only')
    .option('-v, --verbose', 'the same as --log-level info')
    .option('--log-level <level>', 'debug, info, warn or error (default: warn; also HOLDFAST_LOG_LEVEL)')
    .addOption(new Option('--log-format <format>', 'of the log on stderr').choices(['text', 'json']))
    .option('--compression <how>', 'of a repository: auto, max, off; of an archive: gzip[:1-9], zstd[:1-19], none')
    .option('--limit-upload <KBps>', 'send at most so many kilobytes a second')
    .option('--limit-download <KBps>', 'receive at most so many kilobytes a second')
    .optionsGroup('Repository:')
    .option('-r, --repo <address>', 'a repository: a directory, s3:https://host/bucket/prefix (also RESTIC_REPOSITORY)')
    .option('--repository-file <file>', 'file that holds its address (also RESTIC_REPOSITORY_FILE)')
    .option('-p, --password-file <file>', 'file that holds its password (also RESTIC_PASSWORD_FILE)')
    .option('--password-command <command>', 'command that prints its password (also RESTIC_PASSWORD_COMMAND)')
    .option('--no-cache', 'keep none of its metadata on this machine')
    .option('--cleanup-cache', 'remove what was not used there for 30 days: done in any case')
    .option('--cache-dir <dir>', 'where metadata is kept (also RESTIC_CACHE_DIR; default: ~/.cache)')
    .option('--cacert <file>', 'certificates of a private authority that an S3 server may have')
    .option('--insecure-tls', 'check no certificate of an S3 server: whoever stands between can read and change all')
    .option('--no-lock', 'do not lock it where it is only read: for one that can’t be written')
    .option('--key-hint <id>', 'its key to try first (also RESTIC_KEY_HINT)')
    .option('-o, --option <key=value>', 'say s3.region, s3.storage-class or s3.bucket-lookup (dns, path)', listed)
    .option('--pack-size <MiB>', 'size that its packs aim at: 4 to 128 (default: 16)')
    .optionsGroup('Options:');
}

/** Whether --no-lock was given: what only reads, or is a dry run, takes no lock then. What writes takes one all the same. */
export const isLockless = ({ globals }: { readonly globals: GlobalOptions }): boolean => globals.lock === false;

/** The words with restic's "--verbose=2", which says how often "-v" is given, as plain options. */
export function withoutVerbosity(args: readonly string[]): readonly string[] {
  const end = args.indexOf('--');
  return args.flatMap((word, at) => {
    const [, times] = (end < 0 || at < end ? /^(?:-v|--verbose)=(\d)$/ : /^$/).exec(word) ?? [];
    if (times === undefined) return [word];
    return times === '0' ? [] : ['--verbose'];
  });
}

function rateOf(text: string | undefined, flag: string): number | undefined {
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw cliError('usage', { message: `${flag} takes whole kilobytes a second, not "${text}"` });
}

/** How much of the network a command may take. Throws cli/usage. */
export function limitsOf({ limitUpload, limitDownload }: GlobalOptions): Limits {
  const uploadKBps = rateOf(limitUpload, '--limit-upload');
  const downloadKBps = rateOf(limitDownload, '--limit-download');
  return { ...(uploadKBps !== undefined && { uploadKBps }), ...(downloadKBps !== undefined && { downloadKBps }) };
}

/** The folder below which metadata of repositories is kept; undefined: nowhere. It is ours also where restic has one beside it. */
export function cacheFolder({ cache, cacheDir }: GlobalOptions, environment: Environment): string | undefined {
  if (cache === false) return undefined;
  const home = environment['HOME'];
  const usual = environment['XDG_CACHE_HOME'] || (home ? join(home, '.cache') : undefined);
  const folder = cacheDir ?? (environment['HOLDFAST_CACHE_DIR'] || environment['RESTIC_CACHE_DIR'] || usual);
  return folder === undefined ? undefined : join(folder, 'holdfast');
}
