/**
 * A configuration says which jobs there are. Users write it in several shapes; each shape has one reader, and all
 * readers give the same `Job`: the native YAML (native-schema.ts), and in shapes/ those that other services are
 * configured in, each of which is turned into the native one. recognize-shape.ts tells them apart.
 *
 * Invariants: reading a configuration touches nothing; a mistake names file, line, key, what was found and what is
 * expected, all mistakes at once; every secret is registered before any message can quote it.
 */
import type { Configuration } from './native/configuration.ts';
import type * as readers from './readers.ts';

export type { Configuration } from './native/configuration.ts';
export type { Job, LockSpec, NotificationSpec, RunLogSpec, ScheduleSpec, VaultUse } from './job.ts';
export { type CronExpression, parseCron } from './cron-expression.ts';
export { configError } from './errors.ts';
export { lookUpVariable, type Environment } from './expand-variables.ts';
export { registerEnvironmentSecrets } from './configuration-secrets.ts';
export type { Overrides } from './read-configuration.ts';
export { selectJobs } from './select-jobs.ts';

/** What reads configurations takes longer to load than many a command takes: it is loaded when there is one to read. */
export const configurationReaders = (): Promise<typeof readers> => import('./readers.ts');

/** A configuration as the text of a native YAML file: see convert-configuration.ts, which is loaded when it is called. */
export async function convertConfiguration(configuration: Configuration): Promise<string> {
  const writer = await import('./convert-configuration.ts');
  return writer.convertConfiguration(configuration);
}
