import assert from 'node:assert/strict';
import { it } from 'node:test';
import { collect, MiB } from '../../base/bytes.ts';
import { hasCode } from '../../base/errors.ts';
import type { GetOptions, ObjectInfo, ObjectStore } from '../object-store.ts';

/** Declares a test: what is promised, and how to check it on a new, empty store. */
export type Promises = (promise: string, check: (store: ObjectStore) => Promise<void>) => void;

export interface OpenedStore {
  readonly store: ObjectStore;
  /** Removes the store and everything in it. */
  close(): Promise<void>;
}

/** Tests that each get a store of their own. */
export function promisesOf(open: () => Promise<OpenedStore>): Promises {
  return (promise, check) => {
    it(promise, async () => {
      const opened = await open();
      try {
        await check(opened.store);
      } finally {
        await opened.close();
      }
    });
  };
}

/** Bytes that differ from place to place, so that a swapped or shifted part shows. */
export function testBytes(sizeBytes: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  let state = seed >>> 0 || 1;
  for (let at = 0; at < sizeBytes; at += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

export const read = (store: ObjectStore, key: string, options?: GetOptions): Promise<Buffer> =>
  collect(store.get(key, options), 1024 * MiB);

export async function listAll(store: ObjectStore, prefix?: string): Promise<ObjectInfo[]> {
  return Array.fromAsync(store.list(prefix === undefined ? {} : { prefix }));
}

export const keysOf = async (store: ObjectStore, prefix?: string): Promise<string[]> =>
  (await listAll(store, prefix)).map(({ key }) => key);

/** Asserts that a promise rejects with one of the codes. */
export const rejectsWith = (promise: Promise<unknown>, ...codes: string[]): Promise<void> =>
  assert.rejects(promise, (error) => {
    assert.ok(hasCode(error, ...codes), `expected ${codes.join(' or ')}, got ${String(error)}`);
    return true;
  });
