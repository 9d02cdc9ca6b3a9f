import { z } from 'zod';
import type { Environment } from '../expand-variables.ts';
import { count, flag, keyPrefix, looseText, text, url } from '../native/fields.ts';
import { checkDatabase, databaseKeys, databaseSource } from './database-variables.ts';
import { given, type Misplaced, type Shape, type View } from './shape.ts';

/** The shape of a container that backs one database up: environment variables only, S3_… and BACKUP_…. */

/** AES-256 has a key of 32 bytes; less is refused, as this shape always has. */
const shortestKey = 32;

export const containerKeys = {
  ...databaseKeys,
  S3_ENDPOINT: url,
  S3_BUCKET: text,
  S3_ACCESS_KEY_ID: looseText,
  S3_SECRET_ACCESS_KEY: looseText,
  S3_REGION: text.exactOptional(),
  BACKUP_INTERVAL: count(1, 366 * 86_400).exactOptional(),
  BACKUP_RETENTION_DAYS: count(1, 1_000_000).exactOptional(),
  BACKUP_PREFIX: keyPrefix.exactOptional(),
  COMPRESSION_LEVEL: count(1, 9).exactOptional(),
  BACKUP_ENCRYPTION: flag.exactOptional(),
  BACKUP_ENCRYPTION_KEY: looseText.exactOptional(),
  WEBHOOK_URL: url.exactOptional(),
  WEBHOOK_ON_SUCCESS: flag.exactOptional(),
  WEBHOOK_ON_FAILURE: flag.exactOptional(),
  RETRY_ATTEMPTS: count(1, 100).exactOptional(),
  RETRY_DELAY: count(0, 3600).exactOptional(),
  DEBUG: flag.exactOptional(),
};

const schema = z.strictObject(containerKeys);

type Variables = z.output<typeof schema>;

function check(value: unknown): Misplaced[] {
  const variables = value as Readonly<Record<string, string | undefined>>;
  const found = checkDatabase(variables, ['PGHOST', 'PGUSER', 'PGPASSWORD', 'PGDATABASE']);
  const key = variables['BACKUP_ENCRYPTION_KEY'];
  if (variables['BACKUP_ENCRYPTION'] !== 'true' || (key !== undefined && key.length >= shortestKey)) return found;
  const problem = key === undefined ? 'is missing' : `has ${key.length} characters`;
  return [
    ...found,
    {
      path: ['BACKUP_ENCRYPTION_KEY'],
      message: `${problem} while BACKUP_ENCRYPTION is true; expected at least ${shortestKey} characters`,
    },
  ];
}

function storeOf(variables: Variables): object {
  return {
    type: 's3',
    endpoint: variables.S3_ENDPOINT,
    bucket: variables.S3_BUCKET,
    prefix: variables.BACKUP_PREFIX ?? 'postgres-backups',
    region: variables.S3_REGION ?? 'us-east-1',
    accessKeyId: variables.S3_ACCESS_KEY_ID,
    secretAccessKey: variables.S3_SECRET_ACCESS_KEY,
    retry: { attempts: variables.RETRY_ATTEMPTS ?? 3, delay: variables.RETRY_DELAY ?? 5, jitter: false },
  };
}

function vaultOf({ decided, written }: View<Variables>): object {
  return given({
    type: 'archive',
    store: 's3',
    compression: { algorithm: 'gzip', level: written.COMPRESSION_LEVEL ?? 6 },
    encryption: decided.BACKUP_ENCRYPTION ? { type: 'openssl', passphrase: written.BACKUP_ENCRYPTION_KEY } : undefined,
    layout: 'backup_{date}_{time}',
    pruneForeign: true,
  });
}

function notificationsOf({ decided, written }: View<Variables>): object | undefined {
  if (decided.WEBHOOK_URL === undefined) return undefined;
  return {
    webhook: {
      type: 'webhook',
      url: written.WEBHOOK_URL,
      onSuccess: written.WEBHOOK_ON_SUCCESS ?? false,
      onFailure: written.WEBHOOK_ON_FAILURE ?? true,
      attempts: written.RETRY_ATTEMPTS ?? 3,
      delay: written.RETRY_DELAY ?? 5,
    },
  };
}

/** The shape. Its document is the environment, or what an env file says. */
export const containerEnvironmentShape: Shape<Variables> = {
  schema,
  check,
  toNative: (view) => {
    const { decided, written } = view;
    const notifications = notificationsOf(view);
    return given({
      stores: { s3: storeOf(written) },
      vaults: { s3: vaultOf(view) },
      jobs: {
        backup: given({
          sources: [databaseSource(written)],
          vaults: ['s3'],
          schedule: { every: written.BACKUP_INTERVAL ?? 3600 },
          retention: { days: written.BACKUP_RETENTION_DAYS ?? 7 },
          notify: notifications && ['webhook'],
          log: { style: 'text', level: decided.DEBUG ? 'debug' : 'info' },
        }),
      },
      notifications,
    });
  },
};

/** The variables that are this shape's alone: one of them is enough to know it. */
export const isContainerEnvironment = (environment: Environment): boolean =>
  Object.keys(environment).some(
    (name) =>
      /^(?:S3_(?:ENDPOINT|BUCKET|ACCESS_KEY_ID|SECRET_ACCESS_KEY)|BACKUP_(?:INTERVAL|ENCRYPTION))(?:_FILE)?$/.test(
        name,
      ) && (environment[name] ?? '') !== '',
  );
