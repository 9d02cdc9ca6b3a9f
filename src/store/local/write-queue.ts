import { dirname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { MiB } from '../../base/bytes.ts';
import { realFolder, writeObject, type WrittenFile } from './write-object.ts';
import type { WriteOutcome, WriteRequest } from './write-thread.ts';

/** So many small writes are done here, before a thread pays for its start. */
const writesHere = 256;
const mostFiles = 64;
const mostBytes = 4 * MiB;
/** So many requests keep the thread at work while an answer is on its way. */
const mostRequests = 2;

interface Waiting extends PromiseWithResolvers<WrittenFile> {
  readonly file: string;
  /** Where the file's folder has to be, really. */
  readonly folder: string;
  readonly bytes: Uint8Array;
}

export interface WriteQueueOptions {
  readonly temporaryPrefix: string;
  /** The error to throw for a folder that is really elsewhere. */
  readonly leadsAway: (folder: string, real: string) => Error;
}

/**
 * Writes many small files in the order in which they come. Most of that is the file system's work, which a thread does
 * beside the reading: Node's asynchronous calls cost five times as much as the synchronous ones that it makes.
 */
export class WriteQueue {
  private readonly options: WriteQueueOptions;
  private readonly waiting: Waiting[] = [];
  private readonly requests: Waiting[][] = [];
  private thread: Worker | undefined;
  private written = 0;
  private flushing = false;

  constructor(options: WriteQueueOptions) {
    this.options = options;
  }

  /**
   * Resolves when the file has its name. `folder` is where the file's folder has to be once every symbolic link is
   * followed. Rejects with the system's error, or with that of `leadsAway`. The bytes must not change until then.
   */
  write(file: string, folder: string, bytes: Uint8Array): Promise<WrittenFile> {
    this.written += 1;
    const waiting = { file, folder, bytes, ...Promise.withResolvers<WrittenFile>() };
    this.waiting.push(waiting);
    if (!this.flushing) {
      this.flushing = true;
      setImmediate(() => {
        this.flushing = false;
        this.flush();
      });
    }
    return waiting.promise;
  }

  /** Waits for what is under way, then ends the thread. */
  async close(): Promise<void> {
    while (this.requests.length > 0 || this.waiting.length > 0)
      await Promise.allSettled([...this.requests.flat(), ...this.waiting].map(({ promise }) => promise));
    await this.thread?.terminate();
    this.thread = undefined;
  }

  private flush(): void {
    if (!this.thread && this.written <= writesHere) return this.writeHere();
    while (this.waiting.length > 0 && this.requests.length < mostRequests) this.request();
  }

  private writeHere(): void {
    for (const { file, folder, bytes, resolve, reject } of this.waiting.splice(0)) {
      try {
        const real = realFolder(dirname(file));
        if (real !== folder) throw this.options.leadsAway(dirname(file), real);
        resolve(writeObject(file, bytes, this.options.temporaryPrefix));
      } catch (error) {
        reject(error);
      }
    }
  }

  private request(): void {
    let size = 0;
    let count = 0;
    while (count < this.waiting.length && count < mostFiles && (count === 0 || size < mostBytes))
      size += this.waiting[count++]?.bytes.length ?? 0;
    const batch = this.waiting.splice(0, count);
    const bytes = new Uint8Array(size);
    let offset = 0;
    for (const { bytes: content } of batch) {
      bytes.set(content, offset);
      offset += content.length;
    }
    const request: WriteRequest = {
      temporaryPrefix: this.options.temporaryPrefix,
      files: batch.map(({ file }) => file),
      folders: batch.map(({ folder }) => folder),
      sizes: batch.map((each) => each.bytes.length),
      bytes,
    };
    this.thread ??= this.start();
    // A thread that works must keep the process alive, one that waits must not.
    if (this.requests.push(batch) === 1) this.thread.ref();
    this.thread.postMessage(request, [bytes.buffer]);
  }

  private start(): Worker {
    const file = import.meta.url.endsWith('.ts') ? './write-thread.ts' : './write-thread.js';
    const thread = new Worker(new URL(file, import.meta.url), { resourceLimits: { maxYoungGenerationSizeMb: 2 } });
    thread.on('message', (outcomes: readonly WriteOutcome[]) => this.settle(outcomes));
    thread.on('error', (error) => {
      this.thread = undefined;
      for (const { reject } of [...this.requests.splice(0).flat(), ...this.waiting.splice(0)]) reject(error);
    });
    return thread;
  }

  private settle(outcomes: readonly WriteOutcome[]): void {
    const batch = this.requests.shift() ?? [];
    this.flush();
    if (this.requests.length === 0) this.thread?.unref();
    for (const [index, { file, resolve, reject }] of batch.entries()) {
      const outcome = outcomes[index] as WriteOutcome;
      if ('written' in outcome) resolve(outcome.written);
      else if ('leadsTo' in outcome) reject(this.options.leadsAway(dirname(file), outcome.leadsTo));
      else reject(Object.assign(new Error(outcome.message), { code: outcome.code }));
    }
  }
}
