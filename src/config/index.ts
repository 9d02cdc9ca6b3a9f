/**
 * A configuration says which jobs there are. Users write it in several shapes; each shape has one reader, and all
 * readers give the same `Job`. Today: the native YAML (native-schema.ts).
 *
 * Invariants: reading a configuration touches nothing; a mistake names file, line, key, what was found and what is
 * expected, all mistakes at once; every secret is registered before any message can quote it.
 */
export type { Configuration, Job, VaultUse } from './job.ts';
export { configError } from './errors.ts';
export { lookUpVariable, type Environment } from './expand-variables.ts';
export { readConfiguration, selectJobs } from './read-configuration.ts';
