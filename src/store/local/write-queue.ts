import { Worker } from 'node:worker_threads';
import { KiB, MiB } from '../../base/bytes.ts';
import type { NewObject } from '../object-store.ts';
import { writeFiles, type WriteFailure, type WriteRequest } from './write-files.ts';
import type { WriteAnswer } from './write-thread.ts';

/** So many files are written here, before a thread pays for its start. */
const writesHere = 256;
/** So few, and so small ones, always are: to ask the thread, behind all that it has to do, would take longer. */
const fewFiles = 4;
const fewBytes = 512 * KiB;
/** Memory that is larger is not kept for the next request. */
const mostKept = 2 * MiB;
const mostFree = 8;

/** Where files are to be written; see WriteRequest. */
export type WritePlace = Pick<WriteRequest, 'root' | 'realRoot' | 'temporaryPrefix'>;

/**
 * Writes many small files, in the order in which they come. Most of that is the file system's work, which a thread does
 * beside the reading: Node's asynchronous calls cost five times as much as the synchronous ones that it makes.
 */
export class WriteQueue {
  private readonly requests: PromiseWithResolvers<readonly WriteFailure[]>[] = [];
  /** Memory of requests that were answered: V8 collects the whole heap for a few new ones. */
  private readonly free: Uint8Array<ArrayBuffer>[] = [];
  private thread: Worker | undefined;
  private written = 0;

  /** Resolves, when each file has its name or can't have it, to those that could not be written. `key` is the path below the root. */
  async write(place: WritePlace, files: readonly NewObject[]): Promise<readonly WriteFailure[]> {
    const sizes = Uint32Array.from(files, ({ bytes }) => bytes.length);
    const names = `${files.map(({ key }) => key).join('\0')}\0`;
    const total = sizes.reduce((sum, size) => sum + size, 0);
    this.written += files.length;
    const isFew = files.length <= fewFiles && total <= fewBytes;
    if (isFew || (!this.thread && this.written <= writesHere)) {
      const bytes = files.length === 1 ? (files[0] as NewObject).bytes : Buffer.concat(files.map((file) => file.bytes));
      return writeFiles({ ...place, names, sizes, bytes });
    }
    const bytes = this.take(total);
    let at = 0;
    for (const file of files) {
      bytes.set(file.bytes, at);
      at += file.bytes.length;
    }
    return this.request({ ...place, names, sizes, bytes }, bytes.buffer);
  }

  /** Waits for what is under way, then ends the thread. */
  async close(): Promise<void> {
    while (this.requests.length > 0) await Promise.allSettled(this.requests.map(({ promise }) => promise));
    await this.thread?.terminate();
    this.thread = undefined;
  }

  private take(size: number): Uint8Array<ArrayBuffer> {
    const index = this.free.findIndex(({ length }) => length >= size);
    return index < 0 ? new Uint8Array(Math.max(size, MiB)) : (this.free.splice(index, 1)[0] as Uint8Array<ArrayBuffer>);
  }

  private request(request: WriteRequest, memory: ArrayBuffer): Promise<readonly WriteFailure[]> {
    const answer = Promise.withResolvers<readonly WriteFailure[]>();
    this.thread ??= this.start();
    // A thread that works must keep the process alive, one that waits must not.
    if (this.requests.push(answer) === 1) this.thread.ref();
    this.thread.postMessage(request, [memory]);
    return answer.promise;
  }

  private start(): Worker {
    const file = import.meta.url.endsWith('.ts') ? './write-thread.ts' : './write-thread.js';
    const thread = new Worker(new URL(file, import.meta.url), { resourceLimits: { maxYoungGenerationSizeMb: 2 } });
    thread.on('message', ({ failures, bytes }: WriteAnswer) => {
      if (bytes.length <= mostKept && this.free.length < mostFree) this.free.push(bytes);
      const answer = this.requests.shift();
      if (this.requests.length === 0) this.thread?.unref();
      answer?.resolve(failures);
    });
    thread.on('error', (error) => {
      this.thread = undefined;
      for (const { reject } of this.requests.splice(0)) reject(error);
    });
    return thread;
  }
}
