import { resolve } from 'node:path';
import type { VaultUse } from '../../config/index.ts';
import type { StoreSpec } from '../../store/index.ts';
import type { RestorePoint } from '../../vault/index.ts';

/** A restore point, the vault that shows it, and the names of the jobs that write into that vault. */
export interface FoundPoint {
  readonly point: RestorePoint;
  readonly use: VaultUse;
  readonly jobs: readonly string[];
}

const keyOf = ({ keys }: RestorePoint): string => keys[0] ?? '';

/** Where an object lies, whatever vault shows it: a vault of the whole bucket has what one of a folder in it has too. */
function placeOf(store: StoreSpec, key: string): string {
  if (store.type === 'local') return resolve(store.path, key);
  if (store.type === 'memory') return key;
  const { endpoint = '', bucket, prefix = '' } = store;
  const path = [bucket, prefix.replaceAll(/^\/+|\/+$/g, ''), key].filter(Boolean);
  return [endpoint.replace(/\/+$/, ''), ...path].join('/');
}

/** Whether the vault can open what it shows; a repository and a mirror show nothing that they can't. */
function canOpen({ use: { spec }, point }: FoundPoint): boolean {
  const [, sealedWith] = point.format.split('+');
  return spec.type !== 'archive' || spec.encryption?.type === sealedWith;
}

/** True when `one` is the vault to take rather than `other`: it opens the point, its job made it, it is the nearest. */
function isBetter(one: FoundPoint, other: FoundPoint): boolean {
  if (canOpen(one) !== canOpen(other)) return canOpen(one);
  const [own, others] = [one, other].map(({ jobs, point }) => jobs.includes(point.job));
  return own === others ? keyOf(one.point).length < keyOf(other.point).length : own === true;
}

/**
 * Each restore point once, in the order of `found`: vaults that share a place all show what is there, of which the best
 * one is taken. Copies in other places remain.
 */
export function distinctPoints<Found extends FoundPoint>(found: readonly Found[]): readonly Found[] {
  const best = new Map<string, Found>();
  for (const one of found) {
    const { point, use } = one;
    // An archive's id is of the key that its vault sees.
    const place = `${use.spec.type === 'archive' ? '' : point.id} ${placeOf(use.store, keyOf(point))}`;
    const other = best.get(place);
    if (other === undefined || isBetter(one, other)) best.set(place, one);
  }
  return [...best.values()];
}
