import { z } from 'zod';

/** The native shape of a configuration, as people write it in holdfast.yaml. */

/** A number that may have come out of a variable, and so be text. */
const count = (minimum: number, maximum: number) =>
  z.preprocess(
    (value) => (typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value),
    z.int().min(minimum).max(maximum),
  );

const flag = z.preprocess((value) => (value === 'true' ? true : value === 'false' ? false : value), z.boolean());

const text = z.string().min(1);

const s3Store = z.strictObject({
  type: z.literal('s3'),
  bucket: text,
  prefix: z.string().exactOptional(),
  region: text.exactOptional(),
  endpoint: z.url({ protocol: /^https?$/ }).exactOptional(),
  pathStyle: flag.exactOptional(),
  accessKeyId: text.exactOptional(),
  secretAccessKey: text.exactOptional(),
  sessionToken: text.exactOptional(),
  storageClass: text.exactOptional(),
  sse: z.strictObject({ type: z.enum(['AES256', 'aws:kms']), keyId: text.exactOptional() }).optional(),
  checksums: z.enum(['always', 'when-required']).exactOptional(),
  caFile: text.exactOptional(),
  partSizeMiB: count(5, 512).exactOptional(),
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
    passphrase: text.exactOptional(),
    identities: z.array(text).min(1).exactOptional(),
  }),
  z.strictObject({ type: z.literal('openssl'), passphrase: text }),
]);

const archiveVault = z.strictObject({
  type: z.literal('archive'),
  store: text,
  compression: compression.exactOptional(),
  encryption: encryption.exactOptional(),
  layout: text.exactOptional(),
});

const patterns = z.array(text);

const directorySource = z.strictObject({
  type: z.literal('directory'),
  path: text,
  name: text.exactOptional(),
  include: patterns.exactOptional(),
  exclude: patterns.exactOptional(),
  ignoreFiles: patterns.exactOptional(),
  oneFileSystem: flag.exactOptional(),
});

const postgresSource = z.strictObject({
  type: z.literal('postgres'),
  url: text.exactOptional(),
  name: text.exactOptional(),
  databases: patterns.min(1).exactOptional(),
  globals: flag.exactOptional(),
  format: z.enum(['plain', 'custom']).exactOptional(),
  rolePasswords: flag.exactOptional(),
  binDirs: z.array(text).exactOptional(),
  excludeTables: patterns.exactOptional(),
  lockWaitTimeoutMs: count(0, 86_400_000).exactOptional(),
});

const commandSource = z.strictObject({
  type: z.literal('command'),
  command: z.union([text, z.array(text).min(1)]),
  name: text.exactOptional(),
  fileName: text.exactOptional(),
  environment: z.record(text, z.string()).exactOptional(),
  workingDirectory: text.exactOptional(),
  timeoutMs: count(1, 2_147_483_647).exactOptional(),
  allowEmpty: flag.exactOptional(),
});

const job = z.strictObject({
  sources: z.array(z.discriminatedUnion('type', [directorySource, postgresSource, commandSource])).min(1),
  vaults: z.array(text).min(1),
  tags: z.array(text).exactOptional(),
  limits: z
    .strictObject({
      uploadKBps: count(1, 1_000_000_000).exactOptional(),
      downloadKBps: count(1, 1_000_000_000).exactOptional(),
      connections: count(1, 256).exactOptional(),
    })
    .exactOptional(),
});

const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'a name of letters, digits, ".", "_" and "-"');

export const nativeSchema = z.strictObject({
  stores: z.record(name, z.discriminatedUnion('type', [s3Store, localStore])),
  vaults: z.record(name, archiveVault),
  jobs: z.record(name, job),
});

export type NativeConfiguration = z.output<typeof nativeSchema>;
