import { lookUpVariable, type Environment } from '../../config/index.ts';
import type { StoreSpec } from '../../store/index.ts';
import { cliError } from '../errors.ts';
import { parseVaultAddress } from './vault-address.ts';

/** What restic keeps repositories in and this program does not. */
const otherStores = /^(rest|sftp|b2|azure|gs|swift|rclone):/;

/** A server rather than a bucket: only that has a port, or is Amazon's. */
const isServer = (text: string): boolean => text.includes(':') || text.endsWith('amazonaws.com');

/** Amazon's own servers are found by the region; any other is the endpoint. */
function s3At(server: string, path: string, environment: Environment): StoreSpec {
  const store = parseVaultAddress(`s3:${server}/${path}`, environment);
  const amazon = /^https?:\/\/s3[.-](?:([a-z0-9-]+)\.)?amazonaws\.com$/.exec(server);
  if (!amazon || store.type !== 's3') return store;
  const { endpoint: _, ...own } = store;
  return amazon[1] === undefined ? own : { ...own, region: amazon[1] };
}

/**
 * The store behind the address of a repository, as restic writes it:
 *   PATH, local:PATH                    a directory
 *   s3:https://host/bucket/prefix       a server's bucket; also s3:host/bucket/prefix, which means https
 *   s3://bucket/prefix                  endpoint, region and keys from the environment (AWS_*); with a port or Amazon's
 *                                       own name instead of a bucket it is s3:host/bucket/prefix
 * Throws cli/usage.
 */
export function parseRepositoryAddress(address: string, environment: Environment): StoreSpec {
  const other = otherStores.exec(address);
  if (other)
    throw cliError('usage', {
      message: `repositories behind "${other[1]}:" can't be reached by this version`,
      hint: 'Accepted: a directory, s3:https://host/bucket/prefix, or s3://bucket/prefix',
    });
  if (address.startsWith('local:')) return parseVaultAddress(address.slice('local:'.length), environment);
  const [, url, host = '', path = ''] = /^s3:(https?:)?\/*([^/]+)\/*(.*)$/.exec(address) ?? [];
  if (!address.startsWith('s3:')) return parseVaultAddress(address, environment);
  if (url === undefined && address.startsWith('s3://') && !isServer(host))
    return parseVaultAddress(address, environment);
  if (path === '')
    throw cliError('usage', {
      message: `"${address}" names no bucket`,
      hint: 'Write s3:https://host/bucket/prefix',
    });
  return s3At(`${url ?? 'https:'}//${host}`, path, environment);
}

/** Where a value may be said: restic's variable, and ours, which wins. */
export const eitherVariable = (name: string, environment: Environment): string | undefined =>
  lookUpVariable(`HOLDFAST_${name}`, environment) ?? lookUpVariable(`RESTIC_${name}`, environment);
