import type { RetryOptions } from '../../store/index.ts';
import type { VaultSpec } from '../../vault/index.ts';
import type { Job, JobSource, LockSpec, NotificationSpec, ScheduleSpec, VaultUse } from '../job.ts';
import type { NativeConfiguration } from './native-schema.ts';
import type { NativeSource } from './source-schema.ts';

type NativeJob = NativeConfiguration['jobs'][string];
type NativeRetry = NonNullable<Extract<NativeConfiguration['stores'][string], { type: 's3' }>['retry']>;

/** A copy without the keys whose value is undefined. */
function defined<Value extends object>(value: { [Key in keyof Value]: Value[Key] | undefined }): Value {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as Value;
}

/** The connection URI (PostgreSQL manual, "Connection URIs") of a server that is given by its parts. */
function uriOf(source: Extract<NativeSource, { type: 'postgres' }>): string | undefined {
  const { url, host, port, user, password, database } = source;
  if (host === undefined) return url;
  const secret = password === undefined ? '' : `:${encodeURIComponent(password)}`;
  const login = user === undefined && password === undefined ? '' : `${encodeURIComponent(user ?? '')}${secret}@`;
  const place = host.includes(':') && !host.startsWith('[') ? `[${host}]` : encodeHost(host);
  const name = database === undefined ? '' : encodeURIComponent(database);
  return `postgres://${login}${place}${port === undefined ? '' : `:${port}`}/${name}`;
}

/** A socket's folder is percent-encoded; names and bracketed addresses are not. */
const encodeHost = (host: string): string => (host.startsWith('/') ? encodeURIComponent(host) : host);

function sourceOf(source: NativeSource): JobSource {
  if (source.type === 'directories')
    return { ...source, directories: source.directories.map((one) => ({ type: 'directory', ...one })) };
  if (source.type !== 'postgres') return source;
  const { host: _host, port: _port, user: _user, password: _password, database: _database, ...rest } = source;
  const url = uriOf(source);
  return url === undefined ? rest : { ...rest, url };
}

/** Whoever says which pauses he wants gets them, however long they become. */
function retryOf({ attempts, delay, jitter }: NativeRetry): RetryOptions {
  const baseDelayMs = delay === undefined ? undefined : delay * 1000;
  const exact = jitter === false ? { maxDelayMs: 3_600_000, deadlineMs: 24 * 3_600_000 } : {};
  return defined<RetryOptions>({ attempts, baseDelayMs, jitter, ...exact });
}

function vaultUses(configuration: NativeConfiguration): VaultUse[] {
  return Object.entries(configuration.vaults).map(([name, { store, ...rest }]): VaultUse => {
    const spec = rest as VaultSpec;
    const named = configuration.stores[store] as NativeConfiguration['stores'][string];
    if (named.type === 'local' || named.retry === undefined) return { name, spec, store: named };
    const { retry, ...place } = named;
    return { name, spec, store: place, retry: retryOf(retry) };
  });
}

function scheduleOf(schedule: NativeJob['schedule']): ScheduleSpec | undefined {
  if (!schedule) return undefined;
  const { cron, timezone, jitter, catchUp, every } = schedule;
  if (every !== undefined) return { everySeconds: every };
  return defined<ScheduleSpec>({ cron: cron ?? '', timezone, jitterSeconds: jitter, catchUp });
}

function notificationOf(name: string, notifications: NativeConfiguration['notifications']): NotificationSpec {
  const notification = notifications?.[name] as NonNullable<typeof notifications>[string];
  const { delay, ...rest } = notification;
  const heartbeat = rest.type === 'heartbeat';
  return defined<NotificationSpec>({ name, onSuccess: heartbeat, onFailure: !heartbeat, delaySeconds: delay, ...rest });
}

function lockOf(lock: NativeJob['lock']): LockSpec | undefined {
  return lock && defined<LockSpec>({ key: lock.key, expirySeconds: lock.expiry });
}

/** The jobs and vaults of a native configuration that has been found right, names that point nowhere included. */
export function nativeJobs(configuration: NativeConfiguration): { readonly jobs: Job[]; readonly vaults: VaultUse[] } {
  const vaults = vaultUses(configuration);
  const jobs = Object.entries(configuration.jobs).map(([name, job]) =>
    defined<Job>({
      name,
      sources: job.sources.map(sourceOf),
      vaults: job.vaults.map(({ name: vault, retention }) => ({
        ...(vaults.find((use) => use.name === vault) as VaultUse),
        ...(retention && { retention }),
      })),
      tags: job.tags ?? [],
      limits: job.limits ?? {},
      schedule: scheduleOf(job.schedule),
      retention: job.retention,
      notify: (job.notify ?? []).map((target) => notificationOf(target, configuration.notifications)),
      lock: lockOf(job.lock),
      log: job.log,
    }),
  );
  return { jobs, vaults };
}
