import type { Soon } from '../base/concurrency.ts';
import type { Needs, Problem, SourceDetails, SourceEntry, SourceRoot, SourceType } from '../source/index.ts';
import type { PruneLimits, PruneProgress, VaultPruneReport } from './prune-options.ts';

export type VaultType = 'archive' | 'mirror' | 'repository';

/** What a run says of a restore point before its content is written. */
export interface NewRestorePoint {
  readonly job: string;
  /** The same for all restore points of one run: they are a set. */
  readonly runId: string;
  readonly startedAt: Date;
  readonly source: {
    readonly type: SourceType;
    readonly name: string;
    readonly shape: 'tree' | 'file';
    readonly paths: readonly string[];
    readonly root?: SourceRoot;
  };
  readonly host: string;
  readonly tags: readonly string[];
}

/** What a run knows once the source has been read to its end. */
export interface RestorePointOutcome {
  readonly details: SourceDetails;
  /** Everything that was reported; the restore point is partial when one of them is not harmless. */
  readonly problems: readonly Problem[];
}

/** What was saved for one source by one run in one vault, complete and checked. */
export interface RestorePoint extends NewRestorePoint, RestorePointOutcome {
  /** Hexadecimal, at least 16 digits; a unique beginning of it names the restore point too. */
  readonly id: string;
  readonly vault: string;
  /** "archive/gzip", "archive/zstd+age", "mirror": how it is kept. */
  readonly format: string;
  readonly status: 'ok' | 'partial';
  readonly finishedAt: Date;
  readonly files: number;
  /** Bytes of content that a restore brings back. */
  readonly sizeBytes: number;
  /** Bytes that the store holds for it. */
  readonly storedBytes: number;
  /**
   * Keys in the vault's store, the artefact first; for people who want to open it without us. One that ends in "/"
   * stands for all that begin with it.
   */
  readonly keys: readonly string[];
}

/** A scope in which a restore point is written. Not for concurrent use. */
export interface RestorePointWriter {
  /**
   * Takes one entry and has read its content when it resolves. Entries come in the source's order. What goes wrong while
   * the content is stored in the background is thrown by a later `add` or by the vault's `write`. Nothing to await is
   * returned when the entry was taken at once.
   */
  add(entry: SourceEntry): Soon<void>;
  /**
   * Of an incremental vault: what is needed of a file, which is no content where that is known and `add` will not open it.
   * To be asked in the order of the entries, for any that are no directories and at most until the next directory, before
   * they are added.
   */
  readonly needs?: Needs;
}

export interface VerifyOptions {
  /** Reads every stored byte, decrypts, decompresses and compares hashes; else only presence, sizes and structure. */
  readonly readData: boolean;
  readonly signal: AbortSignal;
  readonly onBytes?: (bytes: number) => void;
}

/** A restore point, or something that looks like one, with what is wrong with it. No finding means it is sound. */
export interface VerifyFinding {
  readonly code: string;
  readonly message: string;
}

/** What of a vault is to be pruned. */
export interface VaultPruneOptions extends PruneLimits {
  /** Restore points that are deleted first, the first of them first. */
  readonly forget?: readonly RestorePoint[];
  /** Called when these are gone for good: a failure that comes later is the prune's. */
  readonly onForgotten?: () => void;
  readonly onProgress?: (progress: PruneProgress) => void;
  readonly signal: AbortSignal;
}

/** A piece of a file's content. */
export interface ContentPiece {
  readonly sizeBytes: number;
  /** Of the bytes, in hex. */
  readonly sha256: string;
}

/** An entry and, of a file, what its content is made of, from its first byte to its last. */
export interface PiecedEntry {
  readonly entry: SourceEntry;
  readonly pieces?: readonly ContentPiece[];
}

/**
 * How restore points are kept in a store. A vault knows no source, only entries.
 * Methods may be called concurrently. Errors are HoldfastErrors of the families "vault" and "store".
 */
export interface Vault {
  /** As the configuration names it. */
  readonly name: string;
  readonly type: VaultType;
  /** Where it is: its store's label. */
  readonly label: string;
  /** True when its writers have `needs`. */
  readonly incremental?: boolean;
  /**
   * Opens a scope, calls `fill` with a writer and, when that resolves, completes the restore point: from then on `list`
   * shows it, durable. When `fill` throws or the signal aborts, no restore point is left and what was sent is removed.
   */
  write(
    point: NewRestorePoint,
    fill: (writer: RestorePointWriter) => Promise<RestorePointOutcome>,
    signal: AbortSignal,
  ): Promise<RestorePoint>;
  /** All restore points, oldest first. One that can't be read is told to `onUnreadable`, never left out in silence. */
  list(options: {
    readonly signal: AbortSignal;
    readonly onUnreadable?: (key: string, error: unknown) => void;
  }): Promise<RestorePoint[]>;
  /**
   * What another program left under names that those `made` would have had at earlier times, as restore points of which no more than the moment
   * and the stored size is known: for retention alone, where the vault was told that these are its too.
   */
  listForeign?(made: readonly RestorePoint[], signal: AbortSignal): Promise<RestorePoint[]>;
  /**
   * The content, in the order in which it was written. `open` of an entry must be read before the next entry is taken,
   * or not at all. The last step checks the whole: until the iteration has ended without throwing, nothing that it gave
   * may be put under its final name.
   */
  read(point: RestorePoint, signal: AbortSignal): AsyncIterable<SourceEntry>;
  /**
   * Of a vault that names content by its hash: what `read` gives without contents, but with the pieces that these are made
   * of, so that a copy can be compared with them while none is fetched.
   */
  readPieces?(point: RestorePoint, signal: AbortSignal): AsyncIterable<PiecedEntry>;
  verify(point: RestorePoint, options: VerifyOptions): Promise<VerifyFinding[]>;
  /** Deletes restore points: first what makes them visible, then their bytes. */
  forget(points: readonly RestorePoint[], signal: AbortSignal): Promise<void>;
  /**
   * Of a vault whose restore points share bytes: deletes those that the options name, if any, and then frees the bytes that
   * none needs any more. `forget` alone leaves these. Needs the vault alone, once for both (vault/locked), and frees
   * nothing when anything that is needed is missing.
   */
  prune?(options: VaultPruneOptions): Promise<VaultPruneReport>;
  /** Removes what dead runs left behind and that is older than `olderThan`. Returns how many objects or uploads. */
  sweep(olderThan: Date, signal: AbortSignal): Promise<number>;
  close(): Promise<void>;
}
