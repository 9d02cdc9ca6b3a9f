import { createHash } from 'node:crypto';

import { KiB } from '../../../base/bytes.ts';
import type { Soon } from '../../../base/concurrency.ts';
import { encodeEnd, type MirrorFacts } from './manifest-format.ts';
import { ManifestText } from './manifest-text.ts';
import type { Line } from './record-line.ts';

/** A line of the manifest: known, or asked for in its turn, or when its content is stored; undefined leaves it out. */
export type PendingLine = Line | (() => Soon<Line | undefined>);

const chunkBytes = 256 * KiB;
/** More lines than this wait for none: then whoever adds them does. */
const longestQueue = 2048;
/** So many lines wait for each other: to wake the reader for each would take longer than what it does. */
const linesAtOnce = 256;

/**
 * The bytes of a new manifest, made while the run goes on: lines are pushed in the entries' order and come out of
 * `bytes` in the same order, each when it is known. What `finish` gives is asked for when all lines have come out.
 */
export class ManifestStream {
  private readonly queue: PendingLine[] = [];
  private finishing: (() => Promise<MirrorFacts>) | undefined;
  private failure: { readonly error: unknown } | undefined;
  private wakeReader: (() => void) | undefined;
  private readonly wakeWriters: (() => void)[] = [];

  /** Takes the next line. Waits while too many are waiting. Throws what `fail` was told. */
  push(line: PendingLine): void | Promise<void> {
    if (this.queue.length >= longestQueue && !this.failure) return this.pushLater(line);
    if (this.failure) throw this.failure.error;
    if (this.queue.push(line) >= linesAtOnce) this.wakeReader?.();
  }

  /** No line follows. `facts` is called when all have come out; what it throws ends `bytes`. */
  end(facts: () => Promise<MirrorFacts>): void {
    this.finishing = facts;
    this.wakeReader?.();
  }

  /** Gives up: `bytes` and `push` throw the error, unless another came first. */
  fail(error: unknown): void {
    this.failure ??= { error };
    this.wakeReader?.();
    for (const wake of this.wakeWriters.splice(0)) wake();
  }

  /** The manifest, once. */
  async *bytes(): AsyncGenerator<Uint8Array> {
    const hash = createHash('sha256');
    const hashed = (bytes: Buffer): Buffer => {
      hash.update(bytes);
      return bytes;
    };
    try {
      const text = new ManifestText();
      for (
        let pending = await this.next();
        pending !== undefined;
        pending = this.queue.shift() ?? (await this.next())
      ) {
        if (this.failure) throw this.failure.error;
        const asked = typeof pending === 'function' ? pending() : pending;
        const line = asked instanceof Promise ? await asked : asked;
        if (line !== undefined) text.add(line);
        if (text.length >= chunkBytes) yield hashed(text.take());
      }
      const facts = await this.finishing?.();
      if (this.failure) throw this.failure.error;
      if (!facts) throw new TypeError('nothing ended the manifest');
      const { text: end, last } = encodeEnd(facts);
      text.append(end);
      yield hashed(text.take());
      yield Buffer.from(last(hash.digest('hex')));
    } catch (error) {
      this.fail(error);
      throw error;
    }
  }

  private async pushLater(line: PendingLine): Promise<void> {
    while (this.queue.length >= longestQueue && !this.failure)
      await new Promise<void>((resolve) => this.wakeWriters.push(resolve));
    await this.push(line);
  }

  private shift(): PendingLine | undefined {
    const pending = this.queue.shift();
    if (this.wakeWriters.length > 0 && this.queue.length < longestQueue / 2)
      for (const wake of this.wakeWriters.splice(0)) wake();
    return pending;
  }

  /** The next line that has been pushed, once there is one; undefined when none follows. */
  private async next(): Promise<PendingLine | undefined> {
    for (;;) {
      if (this.failure) throw this.failure.error;
      const pending = this.shift();
      if (pending !== undefined || this.finishing) return pending;
      await new Promise<void>((resolve) => (this.wakeReader = resolve));
      this.wakeReader = undefined;
    }
  }
}
