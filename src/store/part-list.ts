import { storeError } from './errors.ts';

/** What an upload remembers of the parts that were sent: their sizes, and what the store answered (`Receipt`). */
export class PartList<Receipt> {
  private readonly parts = new Map<number, { readonly sizeBytes: number; readonly receipt: Receipt }>();
  private readonly key: string;
  private readonly partSizeBytes: (index: number) => number;

  constructor(key: string, partSizeBytes: (index: number) => number) {
    this.key = key;
    this.partSizeBytes = partSizeBytes;
  }

  /** Refuses a part that can't belong to any upload. */
  check(index: number, sizeBytes: number): void {
    const limit = this.partSizeBytes(index);
    if (sizeBytes === 0 || sizeBytes > limit)
      throw this.problem(`part ${index} has ${sizeBytes} bytes instead of 1 to ${limit}`);
  }

  add(index: number, sizeBytes: number, receipt: Receipt): void {
    this.parts.set(index, { sizeBytes, receipt });
  }

  /** The receipts of parts 0 to `count` - 1 and their total size; throws when one is missing or too short. */
  finish(count: number): { readonly sizeBytes: number; readonly receipts: readonly Receipt[] } {
    const receipts: Receipt[] = [];
    let sizeBytes = 0;
    for (let index = 0; index < count; index += 1) {
      const part = this.parts.get(index);
      if (part === undefined) throw this.problem(`part ${index} of ${count} was never sent`);
      if (index < count - 1 && part.sizeBytes !== this.partSizeBytes(index))
        throw this.problem(`part ${index} has ${part.sizeBytes} bytes instead of ${this.partSizeBytes(index)}`);
      receipts.push(part.receipt);
      sizeBytes += part.sizeBytes;
    }
    if (this.parts.size > count) throw this.problem(`${this.parts.size} parts were sent, but ${count} announced`);
    return { sizeBytes, receipts };
  }

  private problem(what: string) {
    return storeError('failed', {
      message: `The upload of "${this.key}" can't be completed: ${what}`,
      hint: 'This is a mistake in the program, not in your set-up. Please report it.',
      context: { key: this.key },
    });
  }
}
