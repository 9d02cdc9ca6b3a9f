import path from 'node:path';
import { z } from 'zod';
import { count, keyPrefix, text } from '../native/fields.ts';
import { lookUpVariable, type Environment } from '../expand-variables.ts';
import type { Mistake } from '../mistakes.ts';
import { given, type Misplaced, type Shape } from './shape.ts';

/**
 * The shape of a service that mirrors directories into a bucket: YAML with `backup.s3`. Archives are made on request
 * of the command line only, whose options win over the environment, which wins over the file.
 */

/** What the command line says instead of the file. */
export interface BackupS3Overrides {
  readonly bucket?: string;
  readonly prefix?: string;
  readonly dirs?: readonly string[];
  readonly intervalSeconds?: number;
  /** One archive of all directories per run, instead of a mirror. */
  readonly archive?: boolean;
  /** False uploads every file again. */
  readonly incremental?: boolean;
  /** No interval, whatever the file says. */
  readonly once?: boolean;
}

const schema = z.strictObject({
  backup: z.strictObject({
    s3: z.strictObject({
      bucket: text,
      prefix: keyPrefix.exactOptional(),
      include_dirs: z.array(text).min(1),
      interval_seconds: count(1, 366 * 86_400).exactOptional(),
    }),
  }),
});

/** The names of LOG_LEVEL -> ours. */
const levels: Readonly<Record<string, string>> = {
  DEBUG: 'debug',
  INFO: 'info',
  WARN: 'warn',
  WARNING: 'warn',
  ERROR: 'error',
  CRITICAL: 'error',
};

function checkVariables(_value: unknown, environment: Environment): Misplaced[] {
  const level = lookUpVariable('LOG_LEVEL', environment);
  if (level === undefined || Object.hasOwn(levels, level.toUpperCase())) return [];
  return [
    { path: ['LOG_LEVEL'], message: `found ${JSON.stringify(level)}; expected ${Object.keys(levels).join(', ')}` },
  ];
}

/** The file's document with what the command line says in its place. */
export function withOverrides(value: unknown, overrides: BackupS3Overrides): unknown {
  const { bucket, prefix, dirs, intervalSeconds } = overrides;
  const said = given({ bucket, prefix, include_dirs: dirs, interval_seconds: intervalSeconds });
  if (Object.keys(said).length === 0) return value;
  const file = (value ?? {}) as { readonly backup?: { readonly s3?: unknown } };
  const known = file.backup?.s3 ?? {};
  // Where something else stands than a map, the schema is to say so.
  if (typeof known !== 'object' || typeof (file.backup ?? {}) !== 'object') return value;
  return { ...file, backup: { ...file.backup, s3: { ...known, ...said } } };
}

/** The keys of the file -> the options that stand for them. */
const optionOf: Readonly<Record<string, string>> = {
  bucket: '--bucket',
  prefix: '--prefix',
  include_dirs: '--dirs',
  interval_seconds: '--interval',
};

/**
 * Tells a mistake in what an option says as the option's, and not as one on some line of the file. `withoutFile`: then
 * what is missing is missing among the options.
 */
export function placeMistakeBy(overrides: BackupS3Overrides, withoutFile: boolean): (mistake: Mistake) => Mistake {
  const { bucket, prefix, dirs: include_dirs, intervalSeconds: interval_seconds } = overrides;
  const said = given({ bucket, prefix, include_dirs, interval_seconds });
  return (mistake) => {
    const [, name = ''] = /^backup\.s3\.(\w+)/.exec(mistake.key) ?? [];
    const key = optionOf[name];
    if (key === undefined || !(withoutFile || name in said)) return mistake;
    return { origin: 'command line', key, message: mistake.message };
  };
}

/** The manifest's name counts on this machine, where it may be a path, and in the bucket. */
function vaultOf({ archive, incremental }: BackupS3Overrides, manifest = '.backup_manifest.json'): object {
  if (archive === true) return { type: 'archive', store: 's3', layout: 'backup_{date}_{time}' };
  return given({
    type: 'mirror',
    store: 's3',
    layout: '',
    manifestKey: path.posix.basename(manifest),
    localManifest: manifest,
    full: incremental === false ? true : undefined,
  });
}

/** The shape, with what the command line says besides. */
export function backupS3Shape(overrides: BackupS3Overrides): Shape<z.output<typeof schema>> {
  return {
    schema,
    check: checkVariables,
    toNative: ({ decided, written, valueOf }) => {
      const { bucket, prefix, include_dirs: folders, interval_seconds: interval } = written.backup.s3;
      const repeated = decided.backup.s3.interval_seconds !== undefined && overrides.once !== true;
      const vault = overrides.archive === true ? 'archive' : 'mirror';
      const level = valueOf('LOG_LEVEL');
      return {
        stores: { s3: given({ type: 's3', bucket, prefix }) },
        vaults: { [vault]: vaultOf(overrides, valueOf('BACKUP_MANIFEST')) },
        jobs: {
          backup: given({
            sources: [{ type: 'directories', name: 'files', directories: folders.map((folder) => ({ path: folder })) }],
            vaults: [vault],
            schedule: repeated ? { every: interval } : undefined,
            lock: { key: 'lock' },
            log: { style: 'events', level: level === undefined ? 'info' : (levels[level.toUpperCase()] ?? 'info') },
          }),
        },
      };
    },
  };
}
