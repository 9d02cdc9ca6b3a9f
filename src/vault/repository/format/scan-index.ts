import { maxUint32 } from './read-json.ts';

/** An index as columns, one row a blob: 49 bytes each, and no object for any of them. */
export interface IndexTable {
  readonly supersedes: readonly string[];
  readonly packIds: readonly string[];
  /** The number of each blob's pack in packIds; the blobs of one pack stand together. */
  readonly packs: Uint32Array;
  /** 32 bytes each. */
  readonly ids: Uint8Array;
  /** 0 data, 1 tree. */
  readonly types: Uint8Array;
  readonly offsets: Uint32Array;
  readonly lengths: Uint32Array;
  /** 0 where the blob is not compressed. */
  readonly rawLengths: Uint32Array;
}

const digitOf = new Int8Array(256).fill(-1);
for (let digit = 0; digit < 16; digit += 1) digitOf[digit.toString(16).charCodeAt(0)] = digit;

/** Less than any blob takes in an index: tells how many there may be. */
const leastBlobBytes = 100;

/** Raised inside the scan for what restic would not write so; another way of reading decides whether it is an index. */
class OtherLayout extends Error {}

/** Reads bytes from the front, and stops at the first that is not as expected. */
class Scanner {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Takes `literal` when it comes next, and tells whether it did. */
  take(literal: Uint8Array): boolean {
    for (let index = 0; index < literal.length; index += 1)
      if (this.#bytes[this.#at + index] !== literal[index]) return false;
    this.#at += literal.length;
    return true;
  }

  expect(literal: Uint8Array): void {
    if (!this.take(literal)) throw new OtherLayout();
  }

  number(): number {
    const start = this.#at;
    let value = 0;
    for (let byte = this.#bytes[this.#at] as number; byte >= 0x30 && byte <= 0x39;) {
      value = value * 10 + byte - 0x30;
      this.#at += 1;
      byte = this.#bytes[this.#at] as number;
    }
    if (this.#at === start || this.#at - start > 10 || value > maxUint32) throw new OtherLayout();
    return value;
  }

  /** 64 hex digits, as 32 bytes into `target`. */
  id(target: Uint8Array, offset: number): void {
    for (let index = 0; index < 32; index += 1) {
      const high = digitOf[this.#bytes[this.#at] as number] ?? -1;
      const low = digitOf[this.#bytes[this.#at + 1] as number] ?? -1;
      if (high < 0 || low < 0) throw new OtherLayout();
      target[offset + index] = (high << 4) | low;
      this.#at += 2;
    }
  }

  /** Nothing but blanks is left. */
  expectEnd(): void {
    for (let at = this.#at; at < this.#bytes.length; at += 1)
      if ((this.#bytes[at] as number) > 0x20) throw new OtherLayout();
  }
}

const literal = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text));
const words = {
  packs: literal('{"packs":['),
  pack: literal('{"id":"'),
  blobs: literal('","blobs":['),
  blob: literal('{"id":"'),
  data: literal('","type":"data","offset":'),
  tree: literal('","type":"tree","offset":'),
  length: literal(',"length":'),
  rawLength: literal(',"uncompressed_length":'),
  end: literal(']}'),
  close: literal('}'),
  comma: literal(','),
};

interface Columns extends Omit<IndexTable, 'packIds' | 'supersedes'> {
  readonly packIds: string[];
}

function makeColumns(rows: number): Columns {
  return {
    packIds: [],
    packs: new Uint32Array(rows),
    ids: new Uint8Array(rows * 32),
    types: new Uint8Array(rows),
    offsets: new Uint32Array(rows),
    lengths: new Uint32Array(rows),
    rawLengths: new Uint32Array(rows),
  };
}

function scanBlob(scanner: Scanner, columns: Columns, row: number): void {
  scanner.expect(words.blob);
  scanner.id(columns.ids, row * 32);
  if (scanner.take(words.tree)) columns.types[row] = 1;
  else scanner.expect(words.data);
  columns.packs[row] = columns.packIds.length - 1;
  columns.offsets[row] = scanner.number();
  scanner.expect(words.length);
  columns.lengths[row] = scanner.number();
  if (scanner.take(words.rawLength)) columns.rawLengths[row] = scanner.number();
  scanner.expect(words.close);
}

function scanRows(scanner: Scanner, columns: Columns): number {
  const packId = Buffer.alloc(32);
  let row = 0;
  scanner.expect(words.packs);
  if (scanner.take(words.end)) return row;
  do {
    scanner.expect(words.pack);
    scanner.id(packId, 0);
    columns.packIds.push(packId.toString('hex'));
    scanner.expect(words.blobs);
    do {
      scanBlob(scanner, columns, row);
      row += 1;
    } while (scanner.take(words.comma));
    scanner.expect(words.end);
  } while (scanner.take(words.comma));
  scanner.expect(words.end);
  return row;
}

function cut(columns: Columns, rows: number): IndexTable {
  return {
    supersedes: [],
    packIds: columns.packIds,
    packs: columns.packs.slice(0, rows),
    ids: columns.ids.slice(0, rows * 32),
    types: columns.types.slice(0, rows),
    offsets: columns.offsets.slice(0, rows),
    lengths: columns.lengths.slice(0, rows),
    rawLengths: columns.rawLengths.slice(0, rows),
  };
}

/**
 * An index in exactly the layout that restic writes, read at the speed of JSON.parse and without its garbage.
 * Undefined for any other layout, and for what is no index.
 */
export function scanIndex(bytes: Uint8Array): IndexTable | undefined {
  const scanner = new Scanner(bytes);
  const columns = makeColumns(Math.floor(bytes.length / leastBlobBytes));
  try {
    const rows = scanRows(scanner, columns);
    scanner.expectEnd();
    return cut(columns, rows);
  } catch (error) {
    if (error instanceof OtherLayout) return undefined;
    throw error;
  }
}
