import { messageOf } from '../../base/errors.ts';
import type { Job } from '../../config/index.ts';
import type { RetentionPolicy } from '../../engine/index.ts';
import { knownSource, type Source } from '../../source/index.ts';
import type { RestorePoint } from '../../vault/index.ts';
import { failuresOf, secondsOf, type JobResult } from '../job-result.ts';
import type { DaemonEvent, JobEvent, RunEvent } from '../run-event.ts';

export type TextLevel = 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR' | 'SUCCESS';

/** One line, its time apart. */
export type TextLine = readonly [TextLevel, string];

const rule: TextLine = ['INFO', '========================================'];

/** A size as `du -h` rounds it: "524MB". */
export function shortSize(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'];
  const power = Math.min(units.length - 1, bytes < 1024 ? 0 : Math.floor(Math.log2(bytes) / 10));
  return `${Math.ceil(bytes / 1024 ** power)}${units[power]}`;
}

/** A moment as the lines of this log begin: without fractions of a second. */
export function shortTime(time: Date): string {
  return time.toISOString().replace(/\.\d+Z$/, 'Z');
}

const wholeSeconds = (span: { readonly startedAt: Date; readonly finishedAt: Date }): string =>
  `${Math.round(secondsOf(span))}s`;

const isOfDatabases = (job: Job): boolean => job.sources.every(({ type }) => type === 'postgres');

/** "7 days", "last 5, daily 7", "within 1y6m". */
function policyText({ days, within, ...counts }: RetentionPolicy): string {
  const span = Object.entries(within ?? {}).map(([unit, count]) => `${count}${unit[0] ?? ''}`);
  return [
    ...Object.entries(counts).flatMap(([rule, count]) => (typeof count === 'number' ? [`${rule} ${count}`] : [])),
    ...(days === undefined ? [] : [`${days} days`]),
    ...(within === undefined ? [] : [`within ${span.join('')}`]),
  ].join(', ');
}

/** What is backed up and where it goes, as the configuration says it. */
function settingLines({ name, sources, vaults, schedule }: Job): readonly TextLine[] {
  const paths = sources.flatMap((spec) => {
    // As they are written: a secret that has become a path, and is tidied as one, would not be known for what it is.
    if (spec.type === 'directory') return [`Source: ${spec.path}`];
    if (spec.type === 'directories') return [`Source: ${spec.directories.map(({ path }) => path).join(', ')}`];
    const known = knownSource(spec);
    return known ? [`Database: ${known.paths.join(', ')}`] : [];
  });
  const stores = new Set(
    vaults.map(({ store }) => {
      if (store.type === 's3') return `S3 Endpoint: ${store.endpoint ?? 'https://s3.amazonaws.com'}`;
      return store.type === 'local' ? `Folder: ${store.path}` : 'Memory';
    }),
  );
  const times =
    schedule && 'cron' in schedule
      ? `Backup Schedule: ${schedule.cron} (${schedule.timezone ?? 'UTC'})`
      : schedule && `Backup Interval: ${schedule.everySeconds}s`;
  const texts = [...paths, ...stores, ...(times === undefined ? [] : [times])];
  return (texts.length > 0 ? texts : [`Job: ${name}`]).map((text) => ['DEBUG', text]);
}

function sourceLines({ type, name, paths }: Source, job: Job): readonly TextLine[] {
  if (type !== 'postgres')
    return [
      ['INFO', `Reading ${name}...`],
      ['DEBUG', `Source: ${paths.join(', ')}`],
    ];
  const [spec, ...others] = job.sources;
  const [use] = job.vaults;
  const user = spec && knownSource(spec)?.user;
  const { level = 6, algorithm = 'gzip' } = (use?.spec.type === 'archive' && use.spec.compression) || {};
  return [
    [
      'INFO',
      others.length === 0 && user !== undefined ? 'Creating database dump...' : `Creating database dump of ${name}...`,
    ],
    ['DEBUG', `Database: ${paths.join(', ')}`],
    ...(others.length > 0 || user === undefined ? [] : [['DEBUG', `User: ${user}`] as const]),
    ...(algorithm === 'gzip' ? [['DEBUG', `Compression level: ${level}`] as const] : []),
  ];
}

function storedLines(point: RestorePoint, location: string): readonly TextLine[] {
  const what = point.source.type === 'postgres' ? 'Dump' : 'Reading';
  const size = shortSize(point.storedBytes);
  // Reading and sending are one stream: neither has a time of its own.
  return [
    ['INFO', `${what} completed in ${wholeSeconds(point)}, size: ${size}`],
    ['INFO', location.startsWith('s3://') ? 'Uploading to S3...' : 'Storing...'],
    ['DEBUG', `Source: ${point.source.paths.join(', ')}`],
    ['DEBUG', `Destination: ${location}`],
    ['INFO', `Upload size: ${size}`],
    ['INFO', `Upload completed in ${wholeSeconds(point)}`],
  ];
}

function finishedLines(result: JobResult, locations: readonly string[]): readonly TextLine[] {
  const why = failuresOf(result).map(({ about, error }): TextLine => [
    result.status === 'locked' ? 'WARNING' : 'ERROR',
    `${about}: ${messageOf(error)}`,
  ]);
  const took = wholeSeconds(result);
  const ends: Readonly<Record<JobResult['status'], TextLine>> = {
    ok: ['SUCCESS', `Backup completed successfully in ${took}`],
    partial: ['WARNING', `Backup completed partially in ${took}: something is missing`],
    failed: ['ERROR', `Backup failed after ${took}`],
    locked: ['WARNING', 'Backup skipped: another run of this job is under way'],
  };
  const where = locations.map((location): TextLine => ['INFO', `Backup location: ${location}`]);
  return [...why, ends[result.status], ...where];
}

function startLines(event: JobEvent): readonly TextLine[] {
  const name = isOfDatabases(event.job) ? 'PostgreSQL Backup Service' : 'Backup Service';
  return [
    rule,
    ['INFO', `${name} Starting`],
    rule,
    ['INFO', 'Loading configuration...'],
    ['INFO', 'Configuration loaded successfully'],
    ...settingLines(event.job),
    ['INFO', 'Performing initial connectivity checks...'],
  ];
}

function daemonLines(event: JobEvent & DaemonEvent): readonly TextLine[] {
  switch (event.type) {
    case 'daemon-started':
      return startLines(event);
    case 'connectivity-checked': {
      const kinds: Readonly<Record<string, string>> = { postgres: 'Database', s3: 'S3' };
      const lines = event.answers.map(({ about, type, answers, message }): TextLine => {
        const kind = kinds[type] ?? about;
        return answers ? ['DEBUG', `${kind} connectivity OK`] : ['WARNING', `${kind} connectivity failed: ${message}`];
      });
      return [...lines, ['INFO', 'Starting continuous backup mode']];
    }
    case 'iteration-started': {
      const since = event.missedSince;
      const late: readonly TextLine[] =
        since === undefined ? [] : [['INFO', `Making up for what was due since ${shortTime(since)}`]];
      return [rule, ['INFO', `Backup Iteration #${event.number}`], rule, ...late];
    }
    case 'iteration-finished': {
      const { status } = event.result;
      if (status === 'locked') return [];
      if (status === 'ok') return [['SUCCESS', `Backup iteration #${event.number} completed successfully`]];
      return [['ERROR', `Backup iteration #${event.number} ${status === 'failed' ? 'failed' : 'was partial'}`]];
    }
    case 'run-planned':
      return [['INFO', `Next backup scheduled for: ${shortTime(event.at)} (in ${event.inSeconds}s)`]];
    default:
      return [['INFO', 'Shutting down: no backup is under way']];
  }
}

/** By what one vault is pruned; of which one it is, where there are several. */
function retentionLines({ vaults, sources, retention }: Job, name: string): readonly TextLine[] {
  const policy = vaults.find((use) => use.name === name)?.retention ?? retention;
  const own = sources.flatMap(({ retention: rules, ...spec }): TextLine[] =>
    rules
      ? [['DEBUG', `Retention policy of ${knownSource(spec)?.name ?? spec.name ?? spec.type}: ${policyText(rules)}`]]
      : [],
  );
  if (!policy) return own;
  return [['DEBUG', `Retention policy${vaults.length > 1 ? ` of ${name}` : ''}: ${policyText(policy)}`], ...own];
}

function runLines(event: JobEvent & RunEvent): readonly TextLine[] {
  switch (event.type) {
    case 'run-started':
      return [
        ['INFO', `Starting backup: ${event.name ?? event.job.name}`],
        ['INFO', 'Checking connectivity...'],
      ];
    case 'run-opened':
      return event.failures.length === 0
        ? [['INFO', 'Connectivity check passed']]
        : event.failures.map((error): TextLine => ['ERROR', `Connectivity check failed: ${messageOf(error)}`]);
    case 'source-started':
      return sourceLines(event.source, event.job);
    case 'file-stored':
      return [['DEBUG', `Uploaded ${event.path} (${shortSize(event.sizeBytes)}) to ${event.location}`]];
    case 'file-failed':
      return [['ERROR', `${event.path}: ${event.message}`]];
    case 'restore-point-stored':
      return storedLines(event.point, event.location);
    case 'retention-done': {
      const { deleted, retained, findings, vault } = event.report;
      return [
        ['INFO', 'Checking for old backups to prune...'],
        ...retentionLines(event.job, vault),
        ...findings.map(({ message }): TextLine => ['WARNING', `Retention pruning: ${message}`]),
        ['INFO', `Retention pruning completed: ${deleted} deleted, ${retained} retained`],
      ];
    }
    case 'run-finished':
      return finishedLines(event.result, event.locations);
    case 'notification-failed':
      return [['WARNING', `Notification failed: ${event.message}`]];
    default:
      return [];
  }
}

const daemonTypes: ReadonlySet<JobEvent['type']> = new Set<DaemonEvent['type']>([
  ...(['daemon-started', 'connectivity-checked', 'iteration-started', 'iteration-finished'] as const),
  ...(['run-planned', 'daemon-stopping'] as const),
]);

/** The lines of document C for one event. */
export function textLines(event: JobEvent): readonly TextLine[] {
  return daemonTypes.has(event.type)
    ? daemonLines(event as JobEvent & DaemonEvent)
    : runLines(event as JobEvent & RunEvent);
}
