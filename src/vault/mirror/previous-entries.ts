import { vaultError } from '../errors.ts';
import { comparePaths, escapePath } from './object-key.ts';
import type { ManifestRecord } from './record.ts';

interface Asked {
  readonly path: Buffer;
  readonly record: ManifestRecord | undefined;
}

/**
 * The entries of the manifest before, found one after the other by the paths of a new reading: both are in one order,
 * so that of either only the place where it stands is held. `onGone` is told of each that the new reading does not have.
 */
export class PreviousEntries {
  private readonly batches: AsyncIterator<ManifestRecord[]>;
  private readonly onGone: (record: ManifestRecord) => Promise<void> | void;
  private batch: readonly ManifestRecord[] = [];
  private at = 0;
  /** What was asked for and not taken yet. */
  private readonly asked: Asked[] = [];
  private last: Buffer | undefined;
  /** The last path that was looked for: of those before it, what was not asked for is gone. */
  private furthest: Buffer | undefined;

  constructor(batches: AsyncIterable<ManifestRecord[]>, onGone: (record: ManifestRecord) => Promise<void> | void) {
    this.batches = batches[Symbol.asyncIterator]();
    this.onGone = onGone;
  }

  /** Looks ahead: the record of `path`, which `take` will give again. Paths ascend. */
  async ask(path: Buffer): Promise<ManifestRecord | undefined> {
    const record = await this.advance(path);
    this.asked.push({ path, record });
    return record;
  }

  /** The record of `path`. Paths ascend: vault/bad-order otherwise. */
  async take(path: Buffer): Promise<ManifestRecord | undefined> {
    checkOrder(this.last, path);
    this.last = path;
    for (let next = this.asked[0]; next; next = this.asked[0]) {
      const order = comparePaths(next.path, path);
      if (order > 0) break;
      this.asked.shift();
      if (order === 0) return next.record;
      if (next.record) await this.onGone(next.record);
    }
    return this.advance(path);
  }

  /** The records of what is below `path`, which has just been taken: they are not gone. */
  async *below(path: Buffer): AsyncGenerator<ManifestRecord> {
    const start = path.length === 0 ? path : Buffer.concat([path, Buffer.from('/')]);
    for (let record = await this.peek(); record; record = await this.peek()) {
      if (!record.path.subarray(0, start.length).equals(start)) return;
      this.at += 1;
      yield record;
    }
  }

  /** Reads to the end: what was not taken is gone. */
  async finish(): Promise<void> {
    for (const { record } of this.asked.splice(0)) if (record) await this.onGone(record);
    for (let record = await this.peek(); record; record = await this.peek()) {
      this.at += 1;
      await this.onGone(record);
    }
  }

  async close(): Promise<void> {
    await this.batches.return?.();
  }

  private async advance(path: Buffer): Promise<ManifestRecord | undefined> {
    checkOrder(this.furthest, path);
    this.furthest = path;
    for (let record = await this.peek(); record; record = await this.peek()) {
      const order = comparePaths(record.path, path);
      if (order > 0) return undefined;
      this.at += 1;
      if (order === 0) return record;
      await this.onGone(record);
    }
    return undefined;
  }

  private async peek(): Promise<ManifestRecord | undefined> {
    while (this.at >= this.batch.length) {
      const next = await this.batches.next();
      if (next.done === true) return undefined;
      this.batch = next.value;
      this.at = 0;
    }
    return this.batch[this.at];
  }
}

function checkOrder(before: Buffer | undefined, path: Buffer): void {
  if (!before || comparePaths(before, path) < 0) return;
  throw vaultError('bad-order', {
    message: `The entry "${escapePath(path)}" came after "${escapePath(before)}", or twice.`,
    hint: 'This is a mistake of the program: please report it.',
  });
}
