import type { Clock } from '../base/clock.ts';
import type { ObjectInfo, PutOptions, Upload } from './object-store.ts';
import { notFound } from './outcomes.ts';
import { waitForPace } from './pace.ts';
import { PartList } from './part-list.ts';

export interface HeldUploadOptions {
  readonly partSizeBytes: number;
  /** Of an object larger than this no part is kept. */
  readonly keptBytes: number;
  /** Makes the object visible; `bytes` are undefined where they were not kept. */
  readonly save: (sizeBytes: number, bytes: Buffer | undefined) => Promise<ObjectInfo> | ObjectInfo;
}

/** The uploads of a store in memory: their parts are held until the object is complete. */
export class HeldUploads {
  private readonly clock: Clock;
  /** When each began that has not ended. */
  private readonly begun = new Map<symbol, Date>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  start(key: string, options: PutOptions, { partSizeBytes, keptBytes, save }: HeldUploadOptions): Upload {
    const id = Symbol(key);
    this.begun.set(id, this.clock.now());
    const list = new PartList<Buffer>(key, () => partSizeBytes);
    let done: ObjectInfo | undefined;
    let room = keptBytes;
    return {
      partSizeBytes: () => partSizeBytes,
      putPart: async (index, bytes) => {
        list.check(index, bytes.length);
        await waitForPace(bytes, options);
        options.signal?.throwIfAborted();
        room -= bytes.length;
        list.add(index, bytes.length, room < 0 ? Buffer.alloc(0) : Buffer.from(bytes));
      },
      complete: async (count) => {
        if (done !== undefined) return done;
        options.signal?.throwIfAborted();
        if (!this.begun.has(id)) throw notFound(key);
        const { sizeBytes, receipts } = list.finish(count);
        done = await save(sizeBytes, room < 0 ? undefined : Buffer.concat(receipts));
        this.begun.delete(id);
        return done;
      },
      abort: async () => void this.begun.delete(id),
    };
  }

  /** Gives up those that began before `olderThan`, and returns how many. */
  sweep(olderThan: Date): number {
    const old = [...this.begun].filter(([, startedAt]) => startedAt.getTime() < olderThan.getTime());
    for (const [id] of old) this.begun.delete(id);
    return old.length;
  }
}
