import { vaultError } from '../../errors.ts';
import { comparePaths, escapePath } from '../object-key.ts';
import type { RecordLine } from './record-line.ts';

interface Asked {
  readonly path: Buffer;
  readonly record: RecordLine | undefined;
}

/** At once, unless more of the manifest has to be read first. */
export type Found = RecordLine | undefined | Promise<RecordLine | undefined>;

/**
 * The entries of the manifest before, found one after the other by the paths of a new reading: both are in one order,
 * so that of either only the place where it stands is held. `onGone` is told of each that the new reading does not have.
 */
export class PreviousEntries {
  private readonly batches: AsyncIterator<RecordLine[]>;
  private readonly onGone: (record: RecordLine) => Promise<void> | void;
  private batch: readonly RecordLine[] = [];
  private at = 0;
  private ended = false;
  /** What was asked for and not taken yet. */
  private readonly asked: Asked[] = [];
  private last: Buffer | undefined;
  /** The last path that was looked for: of those before it, what was not asked for is gone. */
  private furthest: Buffer | undefined;

  constructor(batches: AsyncIterable<RecordLine[]>, onGone: (record: RecordLine) => Promise<void> | void) {
    this.batches = batches[Symbol.asyncIterator]();
    this.onGone = onGone;
  }

  /** Looks ahead: the record of `path`, which `take` will give again. Paths ascend. */
  ask(path: Buffer): Found {
    const note = (record: RecordLine | undefined): RecordLine | undefined => {
      this.asked.push({ path, record });
      return record;
    };
    const found = this.advance(path);
    return found instanceof Promise ? found.then(note) : note(found);
  }

  /** The record of `path`. Paths ascend: vault/bad-order otherwise. */
  take(path: Buffer): Found {
    checkOrder(this.last, path);
    this.last = path;
    return this.takeAsked(path);
  }

  /** The records of what is below `path`, which has just been taken: they are not gone. */
  async *below(path: Buffer): AsyncGenerator<RecordLine> {
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

  private takeAsked(path: Buffer): Found {
    for (let next = this.asked[0]; next; next = this.asked[0]) {
      const order = next.path === path ? 0 : comparePaths(next.path, path);
      if (order > 0) break;
      this.asked.shift();
      if (order === 0) return next.record;
      const told = next.record && this.onGone(next.record);
      if (told) return told.then(() => this.takeAsked(path));
    }
    return this.advance(path);
  }

  private advance(path: Buffer): Found {
    checkOrder(this.furthest, path);
    this.furthest = path;
    return this.seek(path);
  }

  private seek(path: Buffer): Found {
    for (let record = this.batch[this.at]; record; record = this.batch[this.at]) {
      const order = record.compareTo(path);
      if (order > 0) return undefined;
      this.at += 1;
      if (order === 0) return record;
      const told = this.onGone(record);
      if (told) return told.then(() => this.seek(path));
    }
    return this.ended ? undefined : this.peek().then(() => this.seek(path));
  }

  private async peek(): Promise<RecordLine | undefined> {
    while (this.at >= this.batch.length && !this.ended) {
      const next = await this.batches.next();
      this.ended = next.done === true;
      this.batch = next.done === true ? [] : next.value;
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
