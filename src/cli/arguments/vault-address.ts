import { lookUpVariable, type Environment } from '../../config/index.ts';
import type { StoreSpec } from '../../store/index.ts';
import { cliError } from '../errors.ts';

function s3Spec(bucket: string, path: string, endpoint: string | undefined, environment: Environment): StoreSpec {
  const region = lookUpVariable('AWS_REGION', environment) ?? lookUpVariable('AWS_DEFAULT_REGION', environment);
  const prefix = path.replace(/^\/+/, '').replace(/\/+$/, '');
  return {
    type: 's3',
    bucket,
    ...(prefix === '' ? {} : { prefix: `${prefix}/` }),
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
  };
}

/**
 * The store behind an address given on the command line:
 *   s3://bucket/prefix                  endpoint, region and keys from the environment (AWS_*)
 *   s3:https://host/bucket/prefix       an endpoint of one's own, as restic writes it
 *   anything else                       a directory
 */
export function parseVaultAddress(address: string, environment: Environment): StoreSpec {
  if (address === '') throw cliError('usage', { message: 'the address of the vault is empty' });
  const plain = /^s3:\/\/([^/]+)(\/.*)?$/.exec(address);
  if (plain) {
    const endpoint =
      lookUpVariable('AWS_ENDPOINT_URL_S3', environment) ?? lookUpVariable('AWS_ENDPOINT_URL', environment);
    return s3Spec(plain[1] as string, plain[2] ?? '', endpoint, environment);
  }
  const hosted = /^s3:(https?:\/\/[^/]+)\/([^/]+)(\/.*)?$/.exec(address);
  if (hosted) return s3Spec(hosted[2] as string, hosted[3] ?? '', hosted[1], environment);
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(address))
    throw cliError('usage', {
      message: `"${address}" is no address of a vault`,
      hint: 'Accepted: a directory, s3://bucket/prefix, or s3:https://host/bucket/prefix',
    });
  return { type: 'local', path: address };
}
