import { z } from 'zod';
import { count, flag, looseText, text } from './fields.ts';
import { retention } from './retention-schema.ts';

const patterns = z.array(text);

const directoryKeys = {
  path: text,
  name: text.exactOptional(),
  include: patterns.exactOptional(),
  exclude: patterns.exactOptional(),
  ignoreFiles: patterns.exactOptional(),
  oneFileSystem: flag.exactOptional(),
};

/** What any source may say besides. */
const commonKeys = { retention: retention.exactOptional() };

const directorySource = z.strictObject({ type: z.literal('directory'), ...directoryKeys, ...commonKeys });

/** Several directories as one source: one artefact, with the whole path of each. */
const directoriesSource = z.strictObject({
  type: z.literal('directories'),
  name: text,
  directories: z.array(z.strictObject(directoryKeys)).min(1),
  ...commonKeys,
});

/** A server by its URL, or by host, port, user, password and database. */
const postgresSource = z
  .strictObject({
    type: z.literal('postgres'),
    url: text.exactOptional(),
    host: text.exactOptional(),
    port: count(1, 65_535).exactOptional(),
    user: looseText.exactOptional(),
    password: looseText.exactOptional(),
    database: looseText.exactOptional(),
    name: text.exactOptional(),
    databases: patterns.min(1).exactOptional(),
    globals: flag.exactOptional(),
    format: z.enum(['plain', 'custom']).exactOptional(),
    rolePasswords: flag.exactOptional(),
    binDirs: z.array(text).exactOptional(),
    excludeTables: patterns.exactOptional(),
    lockWaitTimeoutMs: count(0, 86_400_000).exactOptional(),
    ...commonKeys,
  })
  .refine(
    ({ url, host, port, user, password, database }) =>
      url === undefined || [host, port, user, password, database].every((part) => part === undefined),
    'either "url" or "host", "port", "user", "password" and "database"',
  )
  .refine(
    ({ url, host, port, user, password, database }) =>
      (url ?? host) !== undefined || [port, user, password, database].every((part) => part === undefined),
    '"host" beside "port", "user", "password" or "database"',
  );

const commandSource = z.strictObject({
  type: z.literal('command'),
  command: z.union([text, z.array(text).min(1)]),
  name: text.exactOptional(),
  fileName: text.exactOptional(),
  environment: z.record(text, z.string()).exactOptional(),
  workingDirectory: text.exactOptional(),
  timeoutMs: count(1, 2_147_483_647).exactOptional(),
  allowEmpty: flag.exactOptional(),
  ...commonKeys,
});

/** What a job's `sources` may hold. */
export const source = z.discriminatedUnion('type', [directorySource, directoriesSource, postgresSource, commandSource]);

export type NativeSource = z.output<typeof source>;
