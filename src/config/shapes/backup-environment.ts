import { z } from 'zod';
import type { Environment } from '../expand-variables.ts';
import { count, flag, text } from '../native/fields.ts';
import { checkDatabase, databaseKeys, databaseSource } from './database-variables.ts';
import { given, type Misplaced, type Shape } from './shape.ts';

/**
 * The shape of an application that backs its own database up every night: environment variables BACKUP_S3_ENABLED,
 * BACKUP_S3_BUCKET, BACKUP_S3_KMS_KEY_ID, BACKUP_LOCAL_DIR and BACKUP_RETENTION_DAYS; a bucket with keys of the KMS, or a local folder.
 */

export const backupKeys = {
  ...databaseKeys,
  BACKUP_S3_ENABLED: flag.exactOptional(),
  BACKUP_S3_BUCKET: text.exactOptional(),
  /** A key of the KMS: its id, alias or ARN. Without it the account's own key for S3 is used. */
  BACKUP_S3_KMS_KEY_ID: text.exactOptional(),
  BACKUP_LOCAL_DIR: text.exactOptional(),
  BACKUP_RETENTION_DAYS: count(1, 1_000_000).exactOptional(),
};

const schema = z.strictObject(backupKeys);

function check(value: unknown): Misplaced[] {
  const variables = value as Readonly<Record<string, string | undefined>>;
  const found = checkDatabase(variables, ['PGHOST', 'PGDATABASE']);
  if (variables['BACKUP_S3_ENABLED'] === 'true' && variables['BACKUP_S3_BUCKET'] === undefined)
    found.push({
      path: ['BACKUP_S3_BUCKET'],
      message: 'is missing while BACKUP_S3_ENABLED is true; expected a bucket',
    });
  return found;
}

/** The shape: every night at one o'clock UTC. */
export const backupEnvironmentShape: Shape<z.output<typeof schema>> = {
  schema,
  check,
  toNative: ({ decided, written }) => {
    const name = decided.BACKUP_S3_ENABLED ? 's3' : 'disk';
    const sse = given({ type: 'aws:kms', keyId: written.BACKUP_S3_KMS_KEY_ID });
    const store = decided.BACKUP_S3_ENABLED
      ? given({ type: 's3', bucket: written.BACKUP_S3_BUCKET, sse })
      : { type: 'local', path: written.BACKUP_LOCAL_DIR ?? './backups' };
    return {
      stores: { [name]: store },
      vaults: { [name]: { type: 'archive', store: name } },
      jobs: {
        backup: {
          sources: [databaseSource(written)],
          vaults: [name],
          schedule: { cron: '0 1 * * *', timezone: 'UTC' },
          retention: { days: written.BACKUP_RETENTION_DAYS ?? 365 },
        },
      },
    };
  },
};

/** The variables that are this shape's alone: one of them is enough to know it. */
export const isBackupEnvironment = (environment: Environment): boolean =>
  ['BACKUP_S3_ENABLED', 'BACKUP_S3_BUCKET', 'BACKUP_LOCAL_DIR'].some(
    (name) => (environment[name] ?? '') !== '' || (environment[`${name}_FILE`] ?? '') !== '',
  );
