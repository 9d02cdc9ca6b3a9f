import { MiB } from '../../../base/bytes.ts';

/** The size of a slab: small enough that a few fill the processors, large enough that messages cost nothing. */
export const slabBytes: number = MiB;
/** Above two of the largest chunk (8 MiB), so that one that is not whole yet never holds up those before it. */
const slabCount = 13;

/** A piece of memory that all threads see. It is free again when nobody retains it. */
export interface Slab {
  /** By which number the threads know it. */
  readonly number: number;
  readonly bytes: Uint8Array;
  users: number;
}

/** Where a part of a blob lies. */
export interface Piece {
  readonly slab: Slab;
  readonly offset: number;
  readonly length: number;
}

/**
 * Shared memory in which content waits for its blobs to be sealed: what bounds a backup's memory, and what makes its
 * reader wait. Physical memory is taken only by slabs that were used.
 */
export class Slabs {
  /** What the threads are given at their start. */
  readonly memory: readonly SharedArrayBuffer[];
  private readonly free: Slab[];
  private readonly waiting: PromiseWithResolvers<Slab>[] = [];
  private failure: { readonly error: unknown } | undefined;

  constructor() {
    this.memory = Array.from({ length: slabCount }, () => new SharedArrayBuffer(slabBytes));
    // The one given back last is the first to be used again: it is in the cache.
    this.free = this.memory.map((memory, number) => ({ number, bytes: new Uint8Array(memory), users: 0 })).reverse();
  }

  /** A free slab with one user, or undefined when there is none now. */
  tryTake(): Slab | undefined {
    if (this.failure) throw this.failure.error;
    const slab = this.free.pop();
    if (slab) slab.users = 1;
    return slab;
  }

  /** A free slab with one user, as soon as there is one. Rejects when `fail` is called. */
  async take(): Promise<Slab> {
    const slab = this.tryTake();
    if (slab) return slab;
    const turn = Promise.withResolvers<Slab>();
    this.waiting.push(turn);
    return turn.promise;
  }

  retain(slab: Slab): void {
    slab.users += 1;
  }

  release(slab: Slab): void {
    slab.users -= 1;
    if (slab.users > 0) return;
    const next = this.waiting.shift();
    if (next) {
      slab.users = 1;
      next.resolve(slab);
    } else this.free.push(slab);
  }

  /** Ends everybody who waits, and all who will. */
  fail(error: unknown): void {
    this.failure ??= { error };
    for (const turn of this.waiting.splice(0)) turn.reject(error);
  }
}
