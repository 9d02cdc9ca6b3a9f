/** A set of whole numbers below a bound: one bit each. */
export class BitSet {
  private readonly bits: Uint32Array;
  private members = 0;

  constructor(bound: number) {
    this.bits = new Uint32Array(Math.ceil(bound / 32));
  }

  get size(): number {
    return this.members;
  }

  has(number: number): boolean {
    return (((this.bits[number >>> 5] ?? 0) >>> (number & 31)) & 1) === 1;
  }

  /** Returns false when it was in the set already. */
  add(number: number): boolean {
    if (this.has(number)) return false;
    this.bits[number >>> 5] = (this.bits[number >>> 5] ?? 0) | (1 << (number & 31));
    this.members += 1;
    return true;
  }

  delete(number: number): void {
    if (!this.has(number)) return;
    this.bits[number >>> 5] = (this.bits[number >>> 5] ?? 0) & ~(1 << (number & 31));
    this.members -= 1;
  }
}
