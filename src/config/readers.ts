/** Everything that reads or writes a configuration. It brings the YAML parser and the schemas along. */
export { convertConfiguration } from './convert-configuration.ts';
export { parseCron } from './cron-expression.ts';
export { readConfiguration, readOverrides } from './read-configuration.ts';
export { readEnvironmentConfiguration } from './read-environment.ts';
