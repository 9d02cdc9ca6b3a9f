import { z } from 'zod';
import { lookUpVariable, type Environment } from '../expand-variables.ts';
import { count, cron, flag, jobName, keyPrefix, text, timezone, url } from '../native/fields.ts';
import { given, type Misplaced, type Shape, type View } from './shape.ts';

/**
 * The shape of backup configurations that are made in a form or through an API: JSON with `name`, `sources`,
 * `destination`, `schedule` and `options`; one of them, a list, or a list under "configs".
 */

const globs = z.array(text);

const config = z.strictObject({
  name: jobName,
  enabled: flag.exactOptional(),
  sources: z
    .array(
      z.strictObject({ path: text, excludePatterns: globs.exactOptional(), includePatterns: globs.exactOptional() }),
    )
    .min(1),
  destination: z.strictObject({
    bucket: text,
    region: text,
    prefix: keyPrefix.exactOptional(),
    endpoint: url.exactOptional(),
  }),
  schedule: z.strictObject({ cronExpression: cron, timezone }),
  options: z.strictObject({
    type: z.literal(['full', 'incremental']),
    compression: flag,
    compressionLevel: count(1, 9).exactOptional(),
    encryption: flag,
    retentionDays: count(1, 1_000_000).exactOptional(),
    bandwidth: count(1, 1_000_000_000).exactOptional(),
  }),
});

type Config = z.output<typeof config>;

/** One configuration, several as they stand, or several under "configs". */
export type ConfigsForm = 'one' | 'list' | 'configs';

const schemas = {
  one: config,
  list: z.array(config).min(1),
  configs: z.strictObject({ configs: z.array(config).min(1) }),
};

/** Which form a document has. */
export function formOfConfigs(value: unknown): ConfigsForm {
  if (Array.isArray(value)) return 'list';
  return typeof value === 'object' && value !== null && 'configs' in value ? 'configs' : 'one';
}

/** The configurations of a document in any form, right or wrong, and where they stand. */
function configsOf(document: unknown): { readonly path: readonly (string | number)[]; readonly config: unknown }[] {
  const form = formOfConfigs(document);
  if (form === 'one') return [{ path: [], config: document }];
  const list = form === 'list' ? document : (document as { readonly configs: unknown }).configs;
  const lead = form === 'list' ? [] : ['configs'];
  return Array.isArray(list) ? list.map((one, index) => ({ path: [...lead, index], config: one as unknown })) : [];
}

const shortestKey = 12;

const whyKey = {
  encryption: 'encryption is on',
  type: 'incremental backups are always encrypted',
} as const;

/** The option that asks for a key, or undefined where none does. The options may be wrong. */
function needsKey(options: Readonly<Record<string, unknown>> | undefined): keyof typeof whyKey | undefined {
  const wanted = options?.['encryption'];
  if (wanted === true || wanted === 'true') return 'encryption';
  return options?.['type'] === 'incremental' ? 'type' : undefined;
}

function check(document: unknown, environment: Environment): Misplaced[] {
  const found: Misplaced[] = [];
  const seen = new Set<unknown>();
  for (const { path, config: one } of configsOf(document)) {
    const config = one as Partial<Config> | null | undefined;
    if (typeof config?.name === 'string' && seen.has(config.name))
      found.push({ path: [...path, 'name'], message: `found ${JSON.stringify(config.name)} a second time` });
    seen.add(config?.name);
    const reason = needsKey(config?.options);
    if (reason === undefined) continue;
    const key = lookUpVariable('BACKUP_ENCRYPTION_KEY', environment);
    if (key !== undefined && key.length >= shortestKey) continue;
    const problem = key === undefined ? 'is not set' : `has only ${key.length} characters`;
    const expected = 'expected a key in it, such as "openssl rand -base64 32" makes';
    found.push({
      path: [...path, 'options', reason],
      message: `${whyKey[reason]} and the variable BACKUP_ENCRYPTION_KEY ${problem}; ${expected}`,
    });
  }
  return found;
}

type Variable = View<Config>['variable'];

/** From this level of gzip on, whoever chose it wanted it small rather than soon. */
const hardLevel = 7;

/** What stays the same from run to run is stored once: a repository, with its own kind of compression. */
function repositoryOf({ options }: Config, store: string, variable: Variable): object {
  const hard = (options.compressionLevel ?? 0) >= hardLevel;
  const compression = options.compression ? (hard ? 'max' : undefined) : 'off';
  return given({ type: 'repository', store, password: variable('BACKUP_ENCRYPTION_KEY'), compression });
}

function vaultOf(decided: Config, written: Config, store: string, variable: Variable): object {
  if (decided.options.type === 'incremental') return repositoryOf(decided, store, variable);
  const level = written.options.compressionLevel;
  return given({
    type: 'archive',
    store,
    compression: decided.options.compression ? given({ algorithm: 'gzip', level }) : { algorithm: 'none' },
    encryption: decided.options.encryption
      ? { type: 'openssl', passphrase: variable('BACKUP_ENCRYPTION_KEY') }
      : undefined,
  });
}

/** A repository has a folder of its own, beside the archives that a configuration may have made before. */
const repositoryPrefix = (prefix = ''): string =>
  `${prefix}${prefix === '' || prefix.endsWith('/') ? '' : '/'}repository/`;

function storeOf({ destination, options }: Config, variable: Variable): object {
  const endpoint = destination.endpoint ?? variable('AWS_S3_ENDPOINT');
  const prefix = options.type === 'incremental' ? repositoryPrefix(destination.prefix) : destination.prefix;
  return given({ type: 's3', ...destination, prefix, endpoint });
}

function jobOf({ sources, schedule, options }: Config, vault: string): object {
  const { retentionDays: days, bandwidth } = options;
  const directories = sources.map(({ path, includePatterns, excludePatterns }) =>
    given({ path, include: includePatterns, exclude: excludePatterns }),
  );
  return given({
    sources: [{ type: 'directories', name: 'files', directories }],
    vaults: [vault],
    schedule: { cron: schedule.cronExpression, timezone: schedule.timezone },
    retention: days === undefined ? undefined : { days },
    limits: bandwidth === undefined ? undefined : { uploadKBps: bandwidth },
  });
}

type Document = Config | readonly Config[] | { readonly configs: readonly Config[] };

/** The shape in one of its forms. A configuration that is switched off keeps its vault, so that it can be restored from. */
export const backupConfigsShape = (form: ConfigsForm): Shape<Document> => ({
  schema: schemas[form],
  check,
  toNative: ({ decided, written, variable }) => {
    const texts = configsOf(written) as readonly { readonly config: Config }[];
    const values = configsOf(decided) as readonly { readonly config: Config }[];
    const stores: Record<string, object> = {};
    const vaults: Record<string, object> = {};
    const jobs: Record<string, object> = {};
    for (const [index, { config }] of values.entries()) {
      const text = texts[index]?.config ?? config;
      const name = texts.length === 1 ? 's3' : `s3-${index + 1}`;
      stores[name] = storeOf(text, variable);
      vaults[name] = vaultOf(config, text, name, variable);
      if (config.enabled !== false) jobs[config.name] = jobOf(text, name);
    }
    return { stores, vaults, jobs };
  },
});
