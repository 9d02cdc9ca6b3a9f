import type { NeedsContent, SourceEntry } from '../../source/index.ts';
import type { NewRestorePoint, RestorePoint, RestorePointOutcome, Vault } from '../../vault/index.ts';
import type { RestorePointWriter } from '../../vault/index.ts';

/** What became of a source in one vault. */
export type LaneResult =
  | { readonly vault: Vault; readonly restorePoint: RestorePoint }
  | { readonly vault: Vault; readonly error: unknown };

/**
 * One vault's side of a run: turns the vault's scope (`write` calls us) into steps that the run can drive for several
 * vaults at once. open -> add* -> finish | fail; after a failure every step is a no-op and `result` tells why.
 */
export interface VaultLane {
  readonly vault: Vault;
  /** False as soon as the vault has failed. */
  isOpen(): boolean;
  /** Stores an entry; resolves without a throw also when the vault fails on it. */
  add(entry: SourceEntry): Promise<void>;
  /** False when the vault has the file's content already, or has failed. */
  readonly needsContent: NeedsContent;
  finish(outcome: RestorePointOutcome): void;
  fail(error: unknown): void;
  /** Settles once the vault has completed or thrown everything away. Never rejects. */
  readonly result: Promise<LaneResult>;
}

/** Opens a scope in a vault. Nothing is awaited: the writer is waited for at the first `add`. */
export function openLane(vault: Vault, point: NewRestorePoint, signal: AbortSignal): VaultLane {
  const writer = Promise.withResolvers<RestorePointWriter>();
  const outcome = Promise.withResolvers<RestorePointOutcome>();
  writer.promise.catch(() => {}); // `result` reports it
  outcome.promise.catch(() => {}); // the same
  let open = true;
  let leave: (() => void) | undefined;

  const written = vault.write(
    point,
    (opened) => {
      writer.resolve(opened);
      return outcome.promise;
    },
    signal,
  );
  const result = written.then(
    (restorePoint): LaneResult => ({ vault, restorePoint }),
    (error: unknown): LaneResult => ({ vault, error }),
  );
  const closeLane = async (): Promise<void> => {
    const ending = await result;
    open = false;
    if ('error' in ending) writer.reject(ending.error);
    leave?.();
  };
  void closeLane();

  /** One step: undefined when the vault fails, in the step or in the background, where nobody would end the step. */
  const step = async <Result>(work: (opened: RestorePointWriter) => Promise<Result>): Promise<Result | undefined> => {
    if (!open) return undefined;
    const { promise, resolve, reject } = Promise.withResolvers<Result | undefined>();
    // Not by Promise.race with the vault's end: that would remember every step until then.
    leave = () => resolve(undefined);
    writer.promise.then(work).then(resolve, reject);
    try {
      return await promise;
    } catch (error) {
      open = false;
      outcome.reject(error);
      return undefined;
    }
  };

  return {
    vault,
    isOpen: () => open,
    add: (entry) => step((opened) => opened.add(entry)),
    needsContent: async (file) => (await step(async (opened) => opened.needsContent?.(file) ?? true)) ?? false,
    finish: (value) => outcome.resolve(value),
    fail: (error) => outcome.reject(error),
    result,
  };
}
