import type { Job, VaultUse } from '../job.ts';
import type { NativeDocument } from './native-schema.ts';

/** A whole configuration: its jobs, and every vault it names, used by a job or not. */
export interface Configuration {
  /** Where it was read from, for messages. */
  readonly origin: string;
  readonly jobs: readonly Job[];
  readonly vaults: readonly VaultUse[];
  /** The same in the native shape, with the variables that it was written with; `convertConfiguration` prints it. */
  readonly native: NativeDocument;
}
