/**
 * A store holds bytes. It is a flat space of objects with keys (object-store.ts says what each method promises) and
 * knows nothing of backups. Drivers: s3, local, memory. Decorators with the same interface add one idea each: retrying,
 * limited, logged; `openStore` composes them from a specification.
 *
 * Invariants: an object is visible whole or not at all; what was acknowledged is durable; keys can't leave the store's
 * root; only a driver knows which failure is worth a retry, and only `retrying` retries.
 */
export { storeError } from './errors.ts';
export type { Limits } from './limited-store.ts';
export { MemoryStore } from './memory/index.ts';
export { checkKey, compareKeys, isKey, maxKeyBytes } from './object-key.ts';
export type {
  GetOptions,
  ListOptions,
  NewObject,
  ObjectInfo,
  ObjectStore,
  PutAllOptions,
  PutOptions,
  UnnamedUpload,
  Upload,
} from './object-store.ts';
export { openStore, type OpenStoreOptions } from './open-store.ts';
export { probeStore, type StoreCapabilities } from './probe-store.ts';
export { putAll, putEach } from './put-all.ts';
export { putStream } from './put-stream.ts';
export type { RetryOptions } from './retry-policy.ts';
export type { LocalStoreSpec, MemoryStoreSpec, S3StoreSpec, StoreSpec } from './store-spec.ts';
