/** Everything that reads configurations. It brings the schemas along. */
export { optionsInstead, readConfiguration, readOverrides } from './read-configuration.ts';
export { readEnvironmentConfiguration } from './read-environment.ts';
