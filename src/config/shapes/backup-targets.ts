import { z } from 'zod';
import { isTimeZone } from '../cron-expression.ts';
import { lookUpVariable, type Environment } from '../expand-variables.ts';
import { count, cron, flag, looseText, text } from '../native/fields.ts';
import { given, type Misplaced, type Shape, type View } from './shape.ts';

/**
 * The shape of an orchestrator of several databases: YAML with `backup_targets`, `volume_backups` and `backup_config`.
 * All targets of a run share one folder, on the disk and in the bucket.
 */

const sourceName = text.regex(/^[^/\p{Cc}]+$/u, 'a name without "/"');

const target = z.strictObject({
  name: sourceName,
  type: z.literal('database'),
  enabled: flag.exactOptional(),
  description: z.string().exactOptional(),
  /** Instead of backup_config's. */
  retention_count: count(1, 1_000_000).exactOptional(),
  config: z.strictObject({
    host: text,
    port: count(1, 65_535).exactOptional(),
    user: looseText,
    password: looseText.exactOptional(),
    database: looseText,
  }),
});

/** Volumes are read, so that those that are switched off may stand in the file; `check` refuses the others. */
const volume = z.strictObject({
  name: sourceName,
  enabled: flag.exactOptional(),
  volume_name: text,
  description: z.string().exactOptional(),
  retention_count: count(1, 1_000_000).exactOptional(),
});

const schema = z.strictObject({
  backup_targets: z.array(target).exactOptional(),
  volume_backups: z.array(volume).exactOptional(),
  backup_config: z
    .strictObject({
      retention_count: count(1, 1_000_000).exactOptional(),
      backup_dir: text.exactOptional(),
      s3_bucket: text.exactOptional(),
      s3_region: text.exactOptional(),
      schedule: cron.exactOptional(),
      compression_level: count(1, 9).exactOptional(),
    })
    .exactOptional(),
});

type Document = z.output<typeof schema>;

/** The members of a list that may be no list. */
function listAt(value: unknown, key: string): readonly Readonly<Record<string, unknown>>[] {
  const list = (value as Readonly<Record<string, unknown>> | undefined)?.[key];
  return Array.isArray(list) ? list.filter((item) => typeof item === 'object' && item !== null) : [];
}

const isOff = ({ enabled }: Readonly<Record<string, unknown>>): boolean => enabled === false || enabled === 'false';

function refusedVolumes(value: unknown): Misplaced[] {
  return listAt(value, 'volume_backups').flatMap((one, index) => {
    if (isOff(one)) return [];
    const message = `the volume ${JSON.stringify(one['name'])} can't be backed up in this version; expected "enabled: false"`;
    return [{ path: ['volume_backups', index], message }];
  });
}

/** Two targets with one name would overwrite each other. */
function doubleTargets(value: unknown): Misplaced[] {
  const seen = new Set<unknown>();
  return listAt(value, 'backup_targets').flatMap(({ name }, index) => {
    if (name === undefined || !seen.has(name)) return seen.add(name) && [];
    const message = `found ${JSON.stringify(name)} a second time; expected another name`;
    return [{ path: ['backup_targets', index, 'name'], message }];
  });
}

function check(value: unknown, environment: Environment): Misplaced[] {
  const found = [...refusedVolumes(value), ...doubleTargets(value)];
  if (listAt(value, 'backup_targets').every(isOff))
    found.push({ path: ['backup_targets'], message: 'no target is enabled; expected at least one' });
  const zone = lookUpVariable('TZ', environment);
  if (zone !== undefined && !isTimeZone(zone))
    found.push({
      path: ['TZ'],
      message: `found ${JSON.stringify(zone)}; expected a time zone such as America/Sao_Paulo`,
    });
  return found;
}

function sourcesOf({ decided, written }: View<Document>): object[] {
  return (written.backup_targets ?? [])
    .filter((_, index) => decided.backup_targets?.[index]?.enabled !== false)
    .map(({ name, config, retention_count: last }) =>
      given({ type: 'postgres', name, ...config, retention: last === undefined ? undefined : { last } }),
    );
}

/** The shape. Its times are of São Paulo unless TZ says otherwise, as its container's are. */
export const backupTargetsShape: Shape<Document> = {
  schema,
  check,
  toNative: (view) => {
    const config = view.written.backup_config ?? {};
    const folder = config.backup_dir ?? '/backups';
    const timezone = view.variable('TZ') ?? 'America/Sao_Paulo';
    const vault = (store: string): object => ({
      type: 'archive',
      store,
      compression: { algorithm: 'gzip', level: config.compression_level ?? 6 },
      layout: '{date}_{time}/{source}_{date}_{time}',
      timezone,
      pruneForeign: true,
    });
    const remote = config.s3_bucket === undefined ? [] : ['s3'];
    return {
      stores: {
        disk: { type: 'local', path: folder },
        ...(remote.length > 0 && { s3: given({ type: 's3', bucket: config.s3_bucket, region: config.s3_region }) }),
      },
      vaults: Object.fromEntries(['disk', ...remote].map((store) => [store, vault(store)])),
      jobs: {
        backup: {
          sources: sourcesOf(view),
          vaults: ['disk', ...remote],
          schedule: { cron: config.schedule ?? '0 3 * * *', timezone },
          retention: { last: config.retention_count ?? 5 },
          log: { runDir: `${folder.replace(/\/+$/, '')}/logs` },
        },
      },
    };
  },
};
