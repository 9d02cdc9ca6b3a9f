import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

import { type Clock } from '../../base/clock.ts';
import type { Problem, SourceEntry } from '../../source/index.ts';
import type { MemoryStore, ObjectStore } from '../../store/index.ts';
import type { NewRestorePoint, RestorePoint, Vault } from '../vault.ts';
import { type FaultyMethod } from '../../store/testing/faulty-store.ts';
import { readBack, sampleBytes, sampleFile, sampleRoot, sampleTree } from './sample-entries.ts';

const never = new AbortController().signal;

/** Opens a vault of the kind that is tested over a store. */
export type OpenTestVault = (store: ObjectStore, clock: Clock) => Vault;

/** Promises that not all kinds make alike. */
export interface VaultKind {
  /** True when a source has one restore point, that of its last run, and what is sent for another overwrites it. */
  readonly mirrors?: boolean;
  /** True when restore points share what they have in common; what none needs any more is for others to remove. */
  readonly deduplicates?: boolean;
  /** Keys of what may stay when a run fails, or when a restore point is forgotten: never a restore point. */
  readonly leaves?: RegExp;
  /** The store's methods that a run calls; each is let fail. */
  readonly calls: readonly FaultyMethod[];
  /** Where only holes are kept that are whole chunks of zeros. */
  readonly holes?: 'by chunk';
}

export const newPoint = (more: Partial<NewRestorePoint> = {}): NewRestorePoint => ({
  job: 'nightly',
  runId: randomUUID(),
  startedAt: new Date('2026-03-01T02:03:04.567Z'),
  source: { type: 'directory', name: 'data', shape: 'tree', paths: ['/srv/data'] },
  host: 'host-1',
  tags: ['a', 'b'],
  ...more,
});

export function writeTree(
  vault: Vault,
  point = newPoint(),
  { entries = sampleTree(), problems = [] as Problem[], signal = never } = {},
): Promise<RestorePoint> {
  return vault.write(
    point,
    async (writer) => {
      for (const entry of entries) await writer.add(entry);
      return { details: { notes: ['a note'], rowCounts: { 'public."T"': 3 } }, problems };
    },
    signal,
  );
}

export const sourceNamed = (name: string): NewRestorePoint['source'] => ({ ...newPoint().source, name });

export const smallTree = (seed: number): SourceEntry[] => [sampleRoot, sampleFile('f', sampleBytes(300_000, seed))];

export const keysIn = async (store: ObjectStore): Promise<string[]> =>
  (await Array.fromAsync(store.list())).map(({ key }) => key);

export const bytesOf = async (store: ObjectStore, key: string): Promise<Buffer> =>
  Buffer.concat(await Array.fromAsync(store.get(key)));

/** Asserts that each restore point that is listed is sound: it reads to its end and verifies without a finding. */
export async function assertSound(vault: Vault): Promise<RestorePoint[]> {
  const points = await vault.list({ signal: never });
  for (const point of points) {
    await readBack(vault, point);
    assert.deepEqual(await vault.verify(point, { readData: true, signal: never }), []);
  }
  return points;
}

export type Fresh = () => { readonly store: MemoryStore; readonly vault: Vault };
