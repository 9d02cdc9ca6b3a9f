import type { SourceEntry } from '../../source/index.ts';
import type { ObjectStore } from '../../store/index.ts';
import { vaultError } from '../errors.ts';
import type { RestorePointWriter } from '../vault.ts';
import { type ArtefactOptions, ArtefactWriter } from './artefact-writer.ts';
import type { Manifest } from './manifest.ts';
import { type Claim, claimArtefact, confirmArtefact, dropArtefact, releaseArtefact } from './pending-marker.ts';

/**
 * An artefact from its first entry to its manifest: claimed → written → confirmed, or discarded. Nothing is sent before
 * the first entry, as the name of a single file decides the key, and a source may fail before it has any.
 */
export class PendingArtefact implements RestorePointWriter {
  private readonly store: ObjectStore;
  private readonly optionsFor: (first: SourceEntry) => Omit<ArtefactOptions, 'conditional'>;
  private claim: Claim | undefined;
  private writer: ArtefactWriter | undefined;
  private failure: { readonly error: unknown } | undefined;

  constructor(store: ObjectStore, optionsFor: (first: SourceEntry) => Omit<ArtefactOptions, 'conditional'>) {
    this.store = store;
    this.optionsFor = optionsFor;
  }

  async add(entry: SourceEntry): Promise<void> {
    this.throwFailure();
    try {
      this.writer ??= await this.start(entry);
      await this.writer.add(entry);
    } catch (error) {
      // Half an entry may have been sent: whatever the caller makes of the error, this can't be completed any more.
      this.failure ??= { error };
      throw error;
    }
  }

  /** Ends the object. vault/empty when nothing was added. Throws the failure of an `add` that the caller has ignored. */
  async finish(sourceName: string): Promise<Pick<Manifest, 'artefact' | 'files' | 'sizeBytes'>> {
    this.throwFailure();
    if (this.writer === undefined) {
      throw vaultError('empty', {
        message: `The source "${sourceName}" gave nothing to store, not even its root.`,
        hint: 'This is a defect of the source; report it.',
      });
    }
    const artefact = await this.writer.finish();
    return { artefact, files: this.writer.files, sizeBytes: this.writer.sizeBytes };
  }

  /** Whether the store takes conditional writes. */
  get conditional(): boolean {
    return this.claim?.conditional ?? true;
  }

  /** The last step before the manifest. */
  async confirm(signal: AbortSignal): Promise<void> {
    if (this.claim) await confirmArtefact(this.store, this.claim, signal);
  }

  /** Waits until nothing is under way and removes what was sent. */
  async discard(reason: unknown): Promise<void> {
    const end = (await this.writer?.fail(reason)) ?? 'not-stored';
    if (this.claim === undefined) return;
    // Where nobody could look, what stands there may be another's, unless we have put it there.
    const ours = end === 'stored' || (end === 'not-stored' && this.claim.looked);
    await (ours ? dropArtefact : releaseArtefact)(this.store, this.claim.artefactKey);
  }

  private async start(first: SourceEntry): Promise<ArtefactWriter> {
    const options = this.optionsFor(first);
    options.signal.throwIfAborted();
    this.claim = await claimArtefact(this.store, options.key, options.signal);
    return ArtefactWriter.start({ ...options, conditional: this.claim.conditional });
  }

  private throwFailure(): void {
    if (this.failure) throw this.failure.error;
  }
}
