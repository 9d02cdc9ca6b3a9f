import { Worker } from 'node:worker_threads';
import { createSmallFile } from './create-small-file.ts';
import { type SmallFile, SmallFileBatchWriter, type SmallFileFailure, slotBytes } from './small-file-batch.ts';

/** So many files are written here, before a thread pays for its start. */
const filesHere = 256;
/** One batch fills while the thread works on one and another waits for it. */
const slotCount = 3;

/**
 * Writes small files in the order in which they come, all but the first few by a thread. What goes wrong is thrown by a
 * later call, `flush` at the latest.
 */
export class SmallFileWriter {
  private readonly describe: (location: Buffer, error: Error) => Error;
  private readonly slots: SharedArrayBuffer[] = [];
  private readonly batches: SmallFileBatchWriter[] = [];
  private readonly free: number[] = [];
  /** The slots that the thread has, in its order. */
  private readonly sent: number[] = [];
  private filling: number | undefined;
  private files = 0;
  private thread: Worker | undefined;
  private failure: { readonly error: unknown } | undefined;
  private waiting: PromiseWithResolvers<void> | undefined;

  /** `describe` makes of a system's error what is thrown. */
  constructor(describe: (location: Buffer, error: Error) => Error) {
    this.describe = describe;
  }

  /** Takes a file: its bytes may change afterwards. Something to wait for is returned where there is no room for more. */
  write(file: SmallFile): Promise<void> | undefined {
    if (this.failure) throw this.failure.error;
    this.files += 1;
    if (this.files > filesHere) return this.collect(file);
    try {
      createSmallFile(file);
    } catch (error) {
      throw this.describe(file.location, error as Error);
    }
    return undefined;
  }

  /** Resolves when all files have been written. */
  async flush(): Promise<void> {
    this.send();
    while (this.sent.length > 0 && !this.failure) await this.nextAnswer();
    if (this.failure) throw this.failure.error;
  }

  /** Ends the thread. What it answers meanwhile must not let the process end before it has. */
  async close(): Promise<void> {
    const { thread } = this;
    this.thread = undefined;
    await thread?.terminate();
  }

  private collect(file: SmallFile): Promise<void> | undefined {
    if (this.filling !== undefined) {
      if (this.batches[this.filling]?.add(file)) return undefined;
      this.send();
    }
    this.filling = this.takeFree();
    if (this.filling === undefined) return this.collectLater(file);
    this.batches[this.filling]?.add(file);
    return undefined;
  }

  private async collectLater(file: SmallFile): Promise<void> {
    while (this.free.length === 0 && !this.failure) await this.nextAnswer();
    if (this.failure) throw this.failure.error;
    await this.collect(file);
  }

  private takeFree(): number | undefined {
    if (this.slots.length === 0)
      for (let slot = 0; slot < slotCount; slot += 1) {
        const memory = new SharedArrayBuffer(slotBytes);
        this.slots.push(memory);
        this.batches.push(new SmallFileBatchWriter(memory));
        this.free.push(slot);
      }
    return this.free.pop();
  }

  private send(): void {
    const slot = this.filling;
    if (slot === undefined) return;
    this.filling = undefined;
    this.thread ??= this.start();
    if (this.sent.push(slot) === 1) this.thread.ref();
    this.thread.postMessage({ slot, count: this.batches[slot]?.count ?? 0 }, []);
  }

  private nextAnswer(): Promise<void> {
    this.waiting ??= Promise.withResolvers();
    return this.waiting.promise;
  }

  private start(): Worker {
    const file = import.meta.url.endsWith('.ts') ? './small-file-thread.ts' : './small-file-thread.js';
    const thread = new Worker(new URL(file, import.meta.url), {
      workerData: this.slots,
      // FFI is called on purpose (docs/decisions/0004): its warning would stand in every user's output.
      execArgv: ['--disable-warning=ExperimentalWarning'],
      resourceLimits: { maxYoungGenerationSizeMb: 2 },
    });
    thread.on('message', (failure: SmallFileFailure | undefined) => this.settle(failure));
    thread.on('error', (error) => {
      this.failure ??= { error };
      this.wake();
    });
    thread.unref();
    return thread;
  }

  private settle(failure: SmallFileFailure | undefined): void {
    const slot = this.sent.shift() ?? 0;
    if (this.sent.length === 0) this.thread?.unref();
    if (failure) {
      const error = Object.assign(new Error(failure.message), { code: failure.code });
      const location = this.batches[slot]?.locationOf(failure.at) ?? Buffer.alloc(0);
      this.failure ??= { error: this.describe(location, error) };
    }
    this.batches[slot]?.clear();
    this.free.push(slot);
    this.wake();
  }

  private wake(): void {
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.resolve();
  }
}
