import type { LogLevel } from '../base/log.ts';
import type { RetentionPolicy } from '../engine/index.ts';
import type { SourceSpec } from '../source/index.ts';
import type { Limits, RetryOptions, StoreSpec } from '../store/index.ts';
import type { VaultSpec } from '../vault/index.ts';

/** A vault as a job uses it: its name, how it keeps things, and the store under it. */
export interface VaultUse {
  readonly name: string;
  readonly spec: VaultSpec;
  readonly store: StoreSpec;
  /** How often the store is asked again after a failure; the store's own way unless given. */
  readonly retry?: RetryOptions;
  /** What is kept in this vault; the job's own retention unless given. */
  readonly retention?: RetentionPolicy;
}

/** A source as a job names it, and what is kept of it in every vault; the vault's or the job's retention unless given. */
export type JobSource = SourceSpec & { readonly retention?: RetentionPolicy };

/** When a job runs: at the times of a cron expression, or again and again with a pause between. */
export type ScheduleSpec =
  | {
      /** Five fields: minute, hour, day of the month, month, day of the week. */
      readonly cron: string;
      /** IANA name of the zone in which the fields are read; UTC unless given. */
      readonly timezone?: string;
      /** A run starts up to so much later, at random, so that many machines do not start at once. */
      readonly jitterSeconds?: number;
      /** After a time in which the daemon did not run, one run makes up for all that were missed; true unless given. */
      readonly catchUp?: boolean;
    }
  | { readonly everySeconds: number };

/** Who is told of a run's end. */
export interface NotificationSpec {
  /** webhook: a POST with what happened; heartbeat: a GET after each good run, for a service that misses it. */
  readonly type: 'webhook' | 'heartbeat';
  readonly name: string;
  readonly url: string;
  readonly onSuccess: boolean;
  readonly onFailure: boolean;
  /** The form of a webhook's body; guessed from the URL's host unless given. */
  readonly format?: 'json' | 'slack' | 'discord';
  /** How often it is tried in all; 3 unless given. */
  readonly attempts?: number;
  /** The pause after the first failure, each later one twice as long; 5 unless given. */
  readonly delaySeconds?: number;
}

/** The lock object that keeps two runs of one job apart. */
export interface LockSpec {
  /** Its key in each vault's store; "locks/<job>.json" unless given, below "holdfast/" in a repository. */
  readonly key?: string;
  /** How long a holder that is not heard of is believed to be alive; 120 unless given. */
  readonly expirySeconds?: number;
}

/** How a run is told in the log, where a configuration asks for a form of its own. */
export interface RunLogSpec {
  /** events: a JSON line per event (backup_completed, file_uploaded, …); text: "TIMESTAMP LEVEL message". */
  readonly style?: 'events' | 'text';
  /** A folder that gets one file per run, backup_YYYYMMDD_HHMMSS.log. */
  readonly runDir?: string;
  /** The least severe lines that are written, unless the command line says otherwise. */
  readonly level?: LogLevel;
}

/** What all shapes of configuration become: what is backed up, and where it is kept. */
export interface Job {
  readonly name: string;
  readonly sources: readonly JobSource[];
  readonly vaults: readonly VaultUse[];
  readonly tags: readonly string[];
  readonly limits: Limits;
  readonly schedule?: ScheduleSpec;
  readonly retention?: RetentionPolicy;
  readonly notify: readonly NotificationSpec[];
  readonly lock?: LockSpec;
  readonly log?: RunLogSpec;
}
