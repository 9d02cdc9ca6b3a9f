import { MiB } from '../../../base/bytes.ts';

/** The size of a slab: small enough that a few fill the processors, large enough that messages cost nothing. */
export const slabBytes: number = MiB;
/** Above two of the largest chunk (8 MiB), so that one that is not whole yet never holds up those before it. */
const slabCount = 13;

/** A piece of memory that all threads see. It is free again when nobody retains it. */
export interface Slab {
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

/** Who waits for a slab, or for one of this number. */
interface Waiting extends PromiseWithResolvers<Slab> {
  readonly wanted: number | undefined;
}

/**
 * Shared memory in which content waits for its blobs to be sealed: what bounds a backup's memory, and what makes its
 * reader wait. Physical memory is taken only by slabs that were used.
 */
export class Slabs {
  /** All slabs, one behind the other; what the threads are given at their start. */
  readonly memory: SharedArrayBuffer = new SharedArrayBuffer(slabCount * slabBytes);
  private readonly free: Slab[];
  private readonly waiting: Waiting[] = [];
  private failure: { readonly error: unknown } | undefined;

  constructor() {
    const slab = (number: number): Slab => {
      return { number, bytes: new Uint8Array(this.memory, number * slabBytes, slabBytes), users: 0 };
    };
    // The one given back last is the first to be used again: it is in the cache.
    this.free = Array.from({ length: slabCount }, (_, number) => slab(slabCount - 1 - number));
  }

  /** A free slab with one user, or undefined when there is none now. */
  tryTake(): Slab | undefined {
    return this.takeAt(this.free.length - 1);
  }

  /** A free slab with one user, as soon as there is one. Rejects when `fail` is called. */
  async take(): Promise<Slab> {
    return this.tryTake() ?? this.wait(undefined);
  }

  /**
   * The slab behind another one, with one user, as soon as it is free: what goes on there lies in one piece, but for the
   * end of all slabs. Nobody may wait so for a slab that is only free when more has come.
   */
  async takeBehind({ number }: Slab): Promise<Slab> {
    const wanted = (number + 1) % slabCount;
    return this.takeAt(this.free.findIndex((slab) => slab.number === wanted)) ?? this.wait(wanted);
  }

  /** Where a piece begins in `memory`. */
  static placeOf({ slab, offset }: Piece): number {
    return slab.number * slabBytes + offset;
  }

  retain(slab: Slab): void {
    slab.users += 1;
  }

  release(slab: Slab): void {
    slab.users -= 1;
    if (slab.users > 0) return;
    const turn = this.waiting.findIndex(({ wanted }) => wanted === undefined || wanted === slab.number);
    const [next] = turn < 0 ? [] : this.waiting.splice(turn, 1);
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

  private takeAt(index: number): Slab | undefined {
    if (this.failure) throw this.failure.error;
    const [slab] = index < 0 ? [] : this.free.splice(index, 1);
    if (slab) slab.users = 1;
    return slab;
  }

  private wait(wanted: number | undefined): Promise<Slab> {
    const turn: Waiting = { wanted, ...Promise.withResolvers<Slab>() };
    this.waiting.push(turn);
    return turn.promise;
  }
}
