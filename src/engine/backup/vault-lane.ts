import type { Soon } from '../../base/concurrency.ts';
import type { Need, Needs, SourceEntry } from '../../source/index.ts';
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
  add(entry: SourceEntry): Soon<void>;
  /** What the vault needs of a file: nothing when it has failed. */
  readonly needs: Needs;
  finish(outcome: RestorePointOutcome): void;
  fail(error: unknown): void;
  /** Settles once the vault has completed or thrown everything away. Never rejects. */
  readonly result: Promise<LaneResult>;
}

/** Opens a scope in a vault. Nothing is awaited: the writer is waited for at the first `add`. */
export function openLane(vault: Vault, point: NewRestorePoint, signal: AbortSignal): VaultLane {
  return new OpenLane(vault, point, signal);
}

class OpenLane implements VaultLane {
  readonly vault: Vault;
  readonly result: Promise<LaneResult>;
  private readonly opening = Promise.withResolvers<RestorePointWriter>();
  private readonly outcome = Promise.withResolvers<RestorePointOutcome>();
  private writer: RestorePointWriter | undefined;
  private open = true;
  private leave: (() => void) | undefined;

  constructor(vault: Vault, point: NewRestorePoint, signal: AbortSignal) {
    this.vault = vault;
    this.opening.promise.catch(() => {}); // `result` reports it
    this.outcome.promise.catch(() => {}); // the same
    const fill = (opened: RestorePointWriter): Promise<RestorePointOutcome> => {
      this.writer = opened;
      this.opening.resolve(opened);
      return this.outcome.promise;
    };
    this.result = this.settle(vault.write(point, fill, signal));
  }

  isOpen(): boolean {
    return this.open;
  }

  add(entry: SourceEntry): Soon<void> {
    if (!this.open) return undefined;
    const { writer } = this;
    if (!writer) return this.waitFor(this.opening.promise.then((opened) => opened.add(entry)));
    try {
      const adding = writer.add(entry);
      return adding instanceof Promise ? this.waitFor(adding) : undefined;
    } catch (error) {
      return this.drop(error);
    }
  }

  readonly needs: Needs = (file) => {
    if (!this.open) return 'nothing';
    const { writer } = this;
    if (!writer) return this.needOf(this.opening.promise.then((opened) => opened.needs?.(file) ?? 'content'));
    try {
      const need = writer.needs?.(file) ?? 'content';
      return need instanceof Promise ? this.needOf(need) : need;
    } catch (error) {
      this.drop(error);
      return 'nothing';
    }
  };

  finish(outcome: RestorePointOutcome): void {
    this.outcome.resolve(outcome);
  }

  fail(error: unknown): void {
    this.outcome.reject(error);
  }

  private async settle(written: Promise<RestorePoint>): Promise<LaneResult> {
    try {
      return { vault: this.vault, restorePoint: await written };
    } catch (error) {
      this.opening.reject(error);
      return { vault: this.vault, error };
    } finally {
      this.open = false;
      this.leave?.();
    }
  }

  private async needOf(asked: Promise<Need>): Promise<Need> {
    return (await this.waitFor(asked)) ?? 'nothing';
  }

  /** Waits for a step, but no longer than for the vault, which may fail in the background: then nobody would end the step. */
  private async waitFor<Result>(begun: Promise<Result>): Promise<Result | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<Result | undefined>();
    // Not by Promise.race with the vault's end: that would remember every step until then.
    this.leave = () => resolve(undefined);
    begun.then(resolve, reject);
    try {
      return await promise;
    } catch (error) {
      return this.drop(error);
    }
  }

  private drop(error: unknown): undefined {
    this.open = false;
    this.outcome.reject(error);
  }
}
