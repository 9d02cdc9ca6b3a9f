/**
 * The memory that a walk shares with the thread that reads ahead of it (read-ahead.ts). A slot is one directory: first the
 * walk writes its path there, then the thread, over that, what is in it.
 */

/** What a slot is for. Only who changes `asked` to the next has it from then on. */
export const slotStates = { free: 0, asked: 1, taken: 2, read: 3, failed: 4 } as const;

export const slotCount = 32;
export const slotBytes = 128 * 1024;
/** The size of a struct stat on 64-bit Linux, or more; a multiple of 8. */
export const statBytes = 144;

const head = 2;
/** How many numbers each slot has: state, depth, order, and two lengths. */
const perSlot = 5;

/** What both sides know of the slots. All numbers but a state belong to who has the slot. */
export class AheadMemory {
  /** Of slots: shared. */
  readonly bytes: Buffer;
  readonly control: Int32Array<SharedArrayBuffer>;

  constructor(shared: SharedAhead = newShared()) {
    this.bytes = Buffer.from(shared.slots);
    this.control = new Int32Array(shared.control);
  }

  get shared(): SharedAhead {
    return { slots: this.bytes.buffer as SharedArrayBuffer, control: this.control.buffer };
  }

  state(slot: number): number {
    return Atomics.load(this.control, stateAt(slot));
  }

  /** Changes a state, and wakes who waits for that. */
  set(slot: number, state: number): void {
    Atomics.store(this.control, stateAt(slot), state);
    Atomics.notify(this.control, stateAt(slot));
  }

  /** False when it was not in the state `from`. */
  change(slot: number, from: number, to: number): boolean {
    return Atomics.compareExchange(this.control, stateAt(slot), from, to) === from;
  }

  /** Waits, at most `ms` milliseconds, for the thread to be done with a slot. */
  waitFor(slot: number, ms: number): void {
    Atomics.wait(this.control, stateAt(slot), slotStates.taken, ms);
  }

  /** How deep the directory is, and when it was asked for. */
  rank(slot: number): { readonly depth: number; readonly order: number } {
    const at = stateAt(slot);
    return { depth: this.control[at + 1] as number, order: this.control[at + 2] as number };
  }

  setRank(slot: number, { depth, order }: { readonly depth: number; readonly order: number }): void {
    this.control.set([depth, order], stateAt(slot) + 1);
  }

  /** The length of the path; or the number of names, and the bytes that they take with a zero between two. */
  lengths(slot: number): { readonly bytes: number; readonly count: number } {
    const at = stateAt(slot);
    return { bytes: this.control[at + 3] as number, count: this.control[at + 4] as number };
  }

  setLengths(slot: number, { bytes, count }: { readonly bytes: number; readonly count: number }): void {
    this.control.set([bytes, count], stateAt(slot) + 3);
  }

  /** Tells the thread that there is something to do, or that there will be no more. */
  wake(): void {
    Atomics.add(this.control, 0, 1);
    Atomics.notify(this.control, 0);
  }

  /** What `wake` counts; `sleep` returns when that is another number. */
  get wakes(): number {
    return Atomics.load(this.control, 0);
  }

  sleep(wakes: number): void {
    Atomics.wait(this.control, 0, wakes);
  }

  stop(): void {
    Atomics.store(this.control, 1, 1);
    this.wake();
  }

  get isStopped(): boolean {
    return Atomics.load(this.control, 1) !== 0;
  }
}

/** What a thread is handed. */
export interface SharedAhead {
  readonly slots: SharedArrayBuffer;
  readonly control: SharedArrayBuffer;
}

const newShared = (): SharedAhead => ({
  slots: new SharedArrayBuffer(slotCount * slotBytes),
  control: new SharedArrayBuffer((head + slotCount * perSlot) * 4),
});

const stateAt = (slot: number): number => head + slot * perSlot;

/** Where the struct stat of a name is, in all slots. */
export const statAt = (slot: number, nameBytes: number, index: number): number =>
  slot * slotBytes + ((nameBytes + 7) & ~7) + index * statBytes;
