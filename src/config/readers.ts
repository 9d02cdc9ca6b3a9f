/** Everything that reads configurations. It brings the schemas along. */
export { parseCron } from './cron-expression.ts';
export { readConfiguration, readOverrides } from './read-configuration.ts';
export { readEnvironmentConfiguration } from './read-environment.ts';
