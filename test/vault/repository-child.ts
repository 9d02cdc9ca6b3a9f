/**
 * One backup into a repository in a process of its own. Takes the tree, the store's specification as JSON and options as
 * JSON; tells its restore point and what it put into the store.
 */
import type { StoreSpec } from '../../src/store/index.ts';
import { backUp, countingPuts, type VaultOptions, withVault } from '../fixtures/repository-vault.ts';

const [path, place, options] = process.argv.slice(2) as [string, string, string];
const put: Record<string, number> = {};
process.send?.('begin');
const point = await withVault(JSON.parse(place) as StoreSpec, (vault) => backUp(vault, path), {
  ...(JSON.parse(options) as VaultOptions),
  wrap: (store) => countingPuts(store, put),
});
process.send?.({ id: point.id, put });
process.disconnect?.();
