import type { SourceSpec } from '../source/index.ts';
import type { Limits, StoreSpec } from '../store/index.ts';
import type { VaultSpec } from '../vault/index.ts';

/** A vault as a job uses it: its name, how it keeps things, and the store under it. */
export interface VaultUse {
  readonly name: string;
  readonly spec: VaultSpec;
  readonly store: StoreSpec;
}

/** What all shapes of configuration become: what is backed up, and where it is kept. */
export interface Job {
  readonly name: string;
  readonly sources: readonly SourceSpec[];
  readonly vaults: readonly VaultUse[];
  readonly tags: readonly string[];
  readonly limits: Limits;
}

/** A whole configuration: its jobs, and every vault it names, used by a job or not. */
export interface Configuration {
  /** Where it was read from, for messages. */
  readonly origin: string;
  readonly jobs: readonly Job[];
  readonly vaults: readonly VaultUse[];
}
