import { registerEnvironmentSecrets } from './configuration-secrets.ts';
import { expandApiKeys } from './variables/expand-api-keys.ts';
import { lookUpVariable, type Environment } from './expand-variables.ts';
import type { Configuration } from './native/configuration.ts';
import { invalidConfiguration } from './mistakes.ts';
import { backupEnvironmentShape, backupKeys, isBackupEnvironment } from './shapes/backup-environment.ts';
import { containerEnvironmentShape, containerKeys, isContainerEnvironment } from './shapes/container-environment.ts';
import { readShape, type Shape, type ShapeDocument } from './shapes/shape.ts';
import { withStoreVariables } from './variables/store-variables.ts';

/** The variables among `names` that are set, each as a reference to itself. */
function referencesTo(names: readonly string[], environment: Environment): Record<string, string> {
  const isSet = (name: string): boolean =>
    (environment[name] ?? '') !== '' || (environment[`${name}_FILE`] ?? '') !== '';
  return Object.fromEntries(names.filter(isSet).map((name) => [name, `\${${name}}`]));
}

/**
 * The configuration that the environment alone is: S3_… and BACKUP_… beside DATABASE_URL or PGHOST, …; undefined when
 * it is none. `origin` is what messages call it. Throws config/invalid with every mistake.
 */
export function readEnvironmentConfiguration(
  environment: Environment,
  origin = 'environment',
): Configuration | undefined {
  const variables = expandApiKeys(environment);
  registerEnvironmentSecrets(variables);
  const read = <Data>(shape: Shape<Data>, keys: object): Configuration => {
    const value = referencesTo(Object.keys(keys), variables);
    const document: ShapeDocument = { origin, value, lineOf: () => undefined };
    return readShape(shape, document, variables);
  };
  if (isBackupEnvironment(variables) && lookUpVariable('S3_BUCKET', variables) !== undefined)
    throw invalidConfiguration(origin, [
      { key: 'S3_BUCKET', message: 'stands beside BACKUP_S3_… or BACKUP_LOCAL_DIR; expected one kind of them only' },
    ]);
  if (isBackupEnvironment(variables))
    return withStoreVariables(read(backupEnvironmentShape, backupKeys), variables, environment);
  return isContainerEnvironment(variables) ? read(containerEnvironmentShape, containerKeys) : undefined;
}
