import { MiB } from '../../../base/bytes.ts';

/** A file to be made, which belongs to whom all that we make belongs. */
export interface SmallFile {
  readonly location: Buffer;
  readonly mode: number;
  readonly mtimeNs: bigint;
  readonly content: Uint8Array;
}

/** Files that wait in shared memory. */
export interface SmallFileBatch {
  readonly slot: number;
  readonly count: number;
}

/** The file of a batch that could not be made; those behind it were not tried. */
export interface SmallFileFailure {
  readonly at: number;
  readonly code: string;
  readonly message: string;
}

const mostFiles = 256;
const numbersPerFile = 3;
const timesBytes = mostFiles * 8;
const headBytes = timesBytes + mostFiles * numbersPerFile * 4;

/** The memory of one batch. */
export const slotBytes = MiB;

/** Collects files in shared memory, which is laid out so: times, then numbers (lengths of path and content, mode), then paths and contents. */
export class SmallFileBatchWriter {
  count = 0;
  private readonly times: BigInt64Array;
  private readonly numbers: Uint32Array;
  private readonly bytes: Uint8Array;
  private used = 0;

  constructor(memory: SharedArrayBuffer) {
    this.times = new BigInt64Array(memory, 0, mostFiles);
    this.numbers = new Uint32Array(memory, timesBytes, mostFiles * numbersPerFile);
    this.bytes = new Uint8Array(memory, headBytes);
  }

  /** Copies a file. False when there is no room for it. */
  add({ location, mode, mtimeNs, content }: SmallFile): boolean {
    const end = this.used + location.length + content.length;
    if (this.count === mostFiles || end > this.bytes.length) return false;
    this.times[this.count] = mtimeNs;
    this.numbers.set([location.length, content.length, mode], this.count * numbersPerFile);
    this.bytes.set(location, this.used);
    this.bytes.set(content, this.used + location.length);
    this.used = end;
    this.count += 1;
    return true;
  }

  /** The place of a file that was added. */
  locationOf(file: number): Buffer {
    let at = 0;
    for (let before = 0; before < file; before += 1)
      at += (this.numbers[before * numbersPerFile] ?? 0) + (this.numbers[before * numbersPerFile + 1] ?? 0);
    return Buffer.from(this.bytes.subarray(at, at + (this.numbers[file * numbersPerFile] ?? 0)));
  }

  clear(): void {
    this.count = 0;
    this.used = 0;
  }
}

/** The files of a batch. */
export function* readSmallFiles(memory: SharedArrayBuffer, count: number): Generator<SmallFile> {
  const times = new BigInt64Array(memory, 0, mostFiles);
  const numbers = new Uint32Array(memory, timesBytes, mostFiles * numbersPerFile);
  const bytes = Buffer.from(memory, headBytes);
  let at = 0;
  for (let file = 0; file < count; file += 1) {
    const [pathLength = 0, length = 0, mode = 0] = numbers.subarray(file * numbersPerFile, (file + 1) * numbersPerFile);
    const location = bytes.subarray(at, at + pathLength);
    const content = bytes.subarray(at + pathLength, at + pathLength + length);
    at += pathLength + length;
    yield { location, mode, mtimeNs: times[file] ?? 0n, content };
  }
}
