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
  add(entry: SourceEntry): void | Promise<void>;
  /** False when the vault has the file's content already, or has failed. */
  readonly needsContent: NeedsContent;
  finish(outcome: RestorePointOutcome): void;
  fail(error: unknown): void;
  /** Settles once the vault has completed or thrown everything away. Never rejects. */
  readonly result: Promise<LaneResult>;
}

type Answer = boolean | undefined;

const orFalse = (answer: Answer | Promise<Answer>): boolean | Promise<boolean> =>
  answer instanceof Promise ? answer.then((known) => known ?? false) : (answer ?? false);

/** Opens a scope in a vault. Nothing is awaited: the writer is waited for at the first `add`. */
export function openLane(vault: Vault, point: NewRestorePoint, signal: AbortSignal): VaultLane {
  const writer = Promise.withResolvers<RestorePointWriter>();
  const outcome = Promise.withResolvers<RestorePointOutcome>();
  writer.promise.catch(() => {}); // `result` reports it
  outcome.promise.catch(() => {}); // the same
  let open = true;
  let ready: RestorePointWriter | undefined;
  let leave: (() => void) | undefined;

  const written = vault.write(
    point,
    (opened) => {
      ready = opened;
      writer.resolve(opened);
      return outcome.promise;
    },
    signal,
  );
  const result = written.then(
    (restorePoint): LaneResult => ({ vault, restorePoint }),
    (error: unknown): LaneResult => ({ vault, error }),
  );
  void result.then((ending) => {
    open = false;
    if ('error' in ending) writer.reject(ending.error);
    return leave?.();
  });

  const failed = (error: unknown): undefined => {
    open = false;
    outcome.reject(error);
  };
  /** What a step is good for; undefined when the vault fails, in it or in the background, where nobody would end it. */
  const guard = <Result>(work: Promise<Result>): Promise<Result | undefined> => {
    const { promise, resolve, reject } = Promise.withResolvers<Result | undefined>();
    // Not by Promise.race with the vault's end: that would remember every step until then.
    leave = () => resolve(undefined);
    work.then(resolve, reject);
    return promise.catch(failed);
  };

  /** One step: at once where the vault does it at once, as there are many. */
  const step = <Result>(
    work: (opened: RestorePointWriter) => Result | Promise<Result>,
  ): Result | undefined | Promise<Result | undefined> => {
    if (!open) return undefined;
    if (!ready) return guard(writer.promise.then(work));
    try {
      const result = work(ready);
      return result instanceof Promise ? guard(result) : result;
    } catch (error) {
      return failed(error);
    }
  };

  return {
    vault,
    isOpen: () => open,
    add: (entry) => step((opened) => opened.add(entry)),
    needsContent: (file) => orFalse(step((opened) => opened.needsContent?.(file) ?? true)),
    finish: (value) => outcome.resolve(value),
    fail: (error) => outcome.reject(error),
    result,
  };
}
