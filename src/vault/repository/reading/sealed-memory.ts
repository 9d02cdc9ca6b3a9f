import { MiB } from '../../../base/bytes.ts';
import { Semaphore } from '../../../base/concurrency.ts';

/** Pieces grow up to here; more is made for one use. */
const largestKept = 144 * MiB;

/**
 * Shared memory in which packs, or parts of them, are read: threads see it without a copy. A fixed number of pieces,
 * each of at least `pieceBytes`, made as they are needed, grown as they have to be and used again and again.
 */
export class SealedMemory {
  private readonly pieceBytes: number;
  private readonly turns: Semaphore;
  private readonly free: SharedArrayBuffer[] = [];

  constructor(pieceCount: number, pieceBytes: number) {
    this.pieceBytes = pieceBytes;
    this.turns = new Semaphore(pieceCount);
  }

  /** Calls `work` with `sizeBytes` of memory, as soon as there is a free piece: in the order of the calls. */
  async use<Result>(sizeBytes: number, work: (memory: Uint8Array) => Promise<Result>): Promise<Result> {
    return this.turns.run(async () => {
      const memory = sizeBytes > largestKept ? new SharedArrayBuffer(sizeBytes) : this.take(sizeBytes);
      try {
        return await work(new Uint8Array(memory, 0, sizeBytes));
      } finally {
        if (sizeBytes <= largestKept) this.free.push(memory);
      }
    });
  }

  private take(sizeBytes: number): SharedArrayBuffer {
    const memory = this.free.pop() ?? new SharedArrayBuffer(this.pieceBytes, { maxByteLength: largestKept });
    if (memory.byteLength < sizeBytes) memory.grow(sizeBytes);
    return memory;
  }
}

/** Shared memory for what threads make of packs: who finds none free does without. */
export class PlainMemory {
  private readonly pieceBytes: number;
  private readonly free: SharedArrayBuffer[] = [];
  private missing: number;

  constructor(pieceCount: number, pieceBytes: number) {
    this.missing = pieceCount;
    this.pieceBytes = pieceBytes;
  }

  tryTake(): SharedArrayBuffer | undefined {
    const free = this.free.pop();
    if (free || this.missing === 0) return free;
    this.missing -= 1;
    return new SharedArrayBuffer(this.pieceBytes);
  }

  release(memory: SharedArrayBuffer): void {
    this.free.push(memory);
  }
}
