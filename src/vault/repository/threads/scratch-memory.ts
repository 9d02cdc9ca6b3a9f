import { GiB } from '../../../base/bytes.ts';
import { giveBackPages } from '../../../base/large-pages.ts';

/**
 * Memory that is used again for one thing after the other. It comes from the system by itself, takes only as much as was
 * written to, and grows where it is: memory of malloc would leave a hole at each growth, and each thread keeps its own.
 */
export class ScratchMemory {
  private readonly memory = new SharedArrayBuffer(0, { maxByteLength: GiB });
  private readonly bytes = new Uint8Array(this.memory); // as long as the memory, also when that has grown

  /** So many bytes or more, which hold anything. Valid until the next call. */
  room(bytes: number): Uint8Array {
    if (this.memory.byteLength < bytes) this.memory.grow(bytes);
    return this.bytes;
  }

  /** What is in it is needed no more: the system has the memory until there is more. */
  empty(): void {
    giveBackPages(this.memory);
  }
}
