import type { S3StoreSpec } from '../../store/index.ts';
import type { Environment } from '../expand-variables.ts';
import type { VaultUse } from '../job.ts';
import type { Configuration } from '../native/configuration.ts';

type Complete = (store: S3StoreSpec) => S3StoreSpec;

/** Adds what a store leaves open, out of the variables that the process's environment does not have. */
function completion(variables: Environment, environment: Environment): Complete {
  const isSet = (name: string): boolean => (environment[name] ?? '') !== '';
  const added = (name: string): string | undefined => (isSet(name) ? undefined : variables[name] || undefined);
  const accessKeyId = added('AWS_ACCESS_KEY_ID');
  const secretAccessKey = added('AWS_SECRET_ACCESS_KEY');
  const sessionToken = added('AWS_SESSION_TOKEN');
  const region =
    isSet('AWS_REGION') || isSet('AWS_DEFAULT_REGION')
      ? undefined
      : (added('AWS_REGION') ?? added('AWS_DEFAULT_REGION'));
  const endpoint = variables['AWS_ENDPOINT_URL_S3'] || variables['AWS_ENDPOINT_URL'] || undefined;
  return (store) => ({
    ...(region !== undefined && { region }),
    ...(endpoint !== undefined && { endpoint }),
    ...(accessKeyId !== undefined &&
      secretAccessKey !== undefined &&
      store.accessKeyId === undefined && {
        accessKeyId,
        secretAccessKey,
        ...(sessionToken !== undefined && { sessionToken }),
      }),
    ...store,
  });
}

/**
 * A configuration whose S3 stores have what they leave open and the SDK, which sees the process's environment only,
 * would not find: the keys and the region of an env file or of API_KEYS, and the address that AWS_ENDPOINT_URL names.
 * `variables` is the environment with those added.
 */
export function withStoreVariables(
  configuration: Configuration,
  variables: Environment,
  environment: Environment,
): Configuration {
  const complete = completion(variables, environment);
  const fill = (use: VaultUse): VaultUse => (use.store.type === 's3' ? { ...use, store: complete(use.store) } : use);
  return {
    ...configuration,
    vaults: configuration.vaults.map(fill),
    jobs: configuration.jobs.map((job) => ({ ...job, vaults: job.vaults.map(fill) })),
  };
}
