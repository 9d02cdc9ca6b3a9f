import { z } from 'zod';
import { count, cron, duration, flag, jobName, keyPrefix, looseText, name, text, timezone, url } from './fields.ts';
import { retention } from './retention-schema.ts';
import { source } from './source-schema.ts';

/** The native shape of a configuration, as people write it in holdfast.yaml. */

const retry = z.strictObject({
  attempts: count(1, 100).exactOptional(),
  delay: duration(0, 3600).exactOptional(),
  jitter: flag.exactOptional(),
});

const s3Store = z.strictObject({
  type: z.literal('s3'),
  bucket: text,
  prefix: keyPrefix.exactOptional(),
  region: text.exactOptional(),
  endpoint: url.exactOptional(),
  pathStyle: flag.exactOptional(),
  accessKeyId: looseText.exactOptional(),
  secretAccessKey: looseText.exactOptional(),
  sessionToken: text.exactOptional(),
  storageClass: text.exactOptional(),
  sse: z.strictObject({ type: z.enum(['AES256', 'aws:kms']), keyId: text.exactOptional() }).exactOptional(),
  checksums: z.enum(['always', 'when-required']).exactOptional(),
  caFile: text.exactOptional(),
  partSizeMiB: count(5, 512).exactOptional(),
  retry: retry.exactOptional(),
});

const localStore = z.strictObject({ type: z.literal('local'), path: text });

const compression = z.discriminatedUnion('algorithm', [
  z.strictObject({ algorithm: z.literal('gzip'), level: count(1, 9).exactOptional() }),
  z.strictObject({ algorithm: z.literal('zstd'), level: count(1, 19).exactOptional() }),
  z.strictObject({ algorithm: z.literal('none') }),
]);

const encryption = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('age'),
    recipients: z.array(text).min(1).exactOptional(),
    passphrase: looseText.exactOptional(),
    identities: z.array(text).min(1).exactOptional(),
  }),
  z.strictObject({ type: z.literal('openssl'), passphrase: looseText }),
]);

const archiveVault = z.strictObject({
  type: z.literal('archive'),
  store: text,
  compression: compression.exactOptional(),
  encryption: encryption.exactOptional(),
  layout: text.exactOptional(),
  timezone: timezone.exactOptional(),
  pruneForeign: flag.exactOptional(),
});

const mirrorVault = z.strictObject({
  type: z.literal('mirror'),
  store: text,
  layout: z.string().exactOptional(),
  manifestKey: text.exactOptional(),
  localManifest: text.exactOptional(),
  delete: flag.exactOptional(),
  full: flag.exactOptional(),
});

const repositoryVault = z
  .strictObject({
    type: z.literal('repository'),
    store: text,
    password: looseText.exactOptional(),
    passwordFile: text.exactOptional(),
    compression: z.enum(['auto', 'max', 'off']).exactOptional(),
    packSizeMiB: count(4, 128).exactOptional(),
    create: flag.exactOptional(),
  })
  .refine(({ password, passwordFile }) => (password === undefined) !== (passwordFile === undefined), {
    error: 'either "password" or "passwordFile"',
    when: ({ issues }) => issues.length === 0, // a misspelt key is one mistake, not two
  });

const schedule = z
  .strictObject({
    cron: cron.exactOptional(),
    timezone: timezone.exactOptional(),
    jitter: duration(0, 86_400).exactOptional(),
    catchUp: flag.exactOptional(),
    every: duration(1, 366 * 86_400).exactOptional(),
  })
  .refine(
    ({ cron, every, timezone, jitter, catchUp }) =>
      (cron === undefined) !== (every === undefined) &&
      (every === undefined || (timezone ?? jitter ?? catchUp) === undefined),
    'either { cron, timezone, jitter, catchUp } or { every }',
  );

/** A vault's name, or the name with what is kept there. */
const vaultOfJob = z
  .preprocess(
    (value) => (typeof value === 'string' ? { name: value } : value),
    z.strictObject({ name: text, retention: retention.exactOptional() }),
  )
  .meta({ orText: true });

const job = z.strictObject({
  sources: z.array(source).min(1),
  vaults: z.array(vaultOfJob).min(1),
  tags: z.array(text).exactOptional(),
  schedule: schedule.exactOptional(),
  retention: retention.exactOptional(),
  limits: z
    .strictObject({
      uploadKBps: count(1, 1_000_000_000).exactOptional(),
      downloadKBps: count(1, 1_000_000_000).exactOptional(),
      connections: count(1, 256).exactOptional(),
    })
    .exactOptional(),
  notify: z.array(text).exactOptional(),
  lock: z.strictObject({ key: text.exactOptional(), expiry: duration(10, 86_400).exactOptional() }).exactOptional(),
  log: z
    .strictObject({
      style: z.enum(['events', 'text']).exactOptional(),
      runDir: text.exactOptional(),
      level: z.enum(['debug', 'info', 'warn', 'error']).exactOptional(),
    })
    .exactOptional(),
});

const notification = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('webhook'),
    url,
    onSuccess: flag.exactOptional(),
    onFailure: flag.exactOptional(),
    format: z.enum(['json', 'slack', 'discord']).exactOptional(),
    attempts: count(1, 100).exactOptional(),
    delay: duration(0, 3600).exactOptional(),
  }),
  z.strictObject({
    type: z.literal('heartbeat'),
    url,
    attempts: count(1, 100).exactOptional(),
    delay: duration(0, 3600).exactOptional(),
  }),
]);

export const nativeSchema = z.strictObject({
  $schema: z.string().exactOptional(),
  stores: z.record(name, z.discriminatedUnion('type', [s3Store, localStore])),
  vaults: z.record(name, z.discriminatedUnion('type', [archiveVault, mirrorVault, repositoryVault])),
  jobs: z.record(jobName, job),
  notifications: z.record(name, notification).exactOptional(),
});

export type NativeConfiguration = z.output<typeof nativeSchema>;

/** A document in the native shape before it is checked; its texts may refer to variables. */
export type NativeDocument = Readonly<Record<string, unknown>>;
