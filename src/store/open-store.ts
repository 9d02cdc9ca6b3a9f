import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { DryRunStore } from './dry-run-store.ts';
import { LimitedStore, type Limits } from './limited-store.ts';
import { LoggedStore } from './logged-store.ts';
import { MemoryStore } from './memory/index.ts';
import type { ObjectStore } from './object-store.ts';
import type { RetryOptions } from './retry-policy.ts';
import { RetryingStore } from './retrying-store.ts';
import type { StoreSpec } from './store-spec.ts';

export interface OpenStoreOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits?: Limits;
  readonly retry?: RetryOptions;
  /** Nothing is written: what the store is told to keep stays in this process. */
  readonly dryRun?: boolean | undefined;
  /** 0 up to, but not including, 1; Math.random unless given. */
  readonly random?: () => number;
}

/** How many requests are at work at once unless the limits say it: a disk is asked for many small writes in one go. */
const connectionsOfS3 = 16;
const connectionsOfDisk = 128;

/** Drivers are loaded when they are needed: loading the SDK of S3 takes longer than a whole backup to a disk may. */
async function openDriver(spec: StoreSpec, clock: Clock): Promise<ObjectStore> {
  if (spec.type === 'memory') return new MemoryStore(clock);
  if (spec.type === 'local') {
    const { LocalStore } = await import('./local/index.ts');
    return new LocalStore(spec.path, clock);
  }
  const { openS3Store } = await import('./s3/index.ts');
  return openS3Store(spec, clock);
}

/**
 * Opens the store that `spec` describes, as retrying(logged(limited(driver))): each attempt is logged and counted; in a dry
 * run with a store over it that keeps to itself what is written.
 * Opening sends nothing over the network; a wrong address shows at the first operation.
 */
export async function openStore(spec: StoreSpec, options: OpenStoreOptions): Promise<ObjectStore> {
  const { clock, logger, random = Math.random } = options;
  const driver = await openDriver(spec, clock);
  const { connections = spec.type === 's3' ? connectionsOfS3 : connectionsOfDisk } = options.limits ?? {};
  const limited = new LimitedStore(driver, clock, { ...options.limits, connections });
  const retrying = new RetryingStore(new LoggedStore(limited, logger, clock), { clock, logger, random }, options.retry);
  return options.dryRun === true ? new DryRunStore(retrying, clock) : retrying;
}
