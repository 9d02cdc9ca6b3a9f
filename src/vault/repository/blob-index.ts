import { GiB } from '../../base/bytes.ts';
import { vaultError } from '../errors.ts';
import type { BlobType, PackedBlob } from './format/pack-header.ts';

/** Where a blob lies. */
export interface BlobPlace {
  readonly packId: string;
  readonly offset: number;
  readonly length: number;
  readonly compressed: boolean;
}

const idBytes = 32;
const pageEntries = 16_384;
const largestLength = GiB - 1;
const treeBit = 2 ** 30;
const compressedBit = 2 ** 31;
const fullest = 0.9;
const growth = 1.25;

interface Page {
  readonly ids: Uint8Array;
  readonly offsets: Uint32Array;
  /** The sealed length, the type and whether it is compressed. */
  readonly facts: Uint32Array;
}

const newPage = (): Page => ({
  ids: new Uint8Array(pageEntries * idBytes),
  offsets: new Uint32Array(pageEntries),
  facts: new Uint32Array(pageEntries),
});

/**
 * Which blobs a repository has, and where. Typed arrays only: 40 bytes a blob, plus a hash table of entry numbers (4 bytes
 * a slot, 72 to 90 % full), plus 36 bytes a pack. An entry's pack is found by its number: a pack's entries are added together.
 */
export class BlobIndex {
  private readonly pages: Page[] = [];
  private count = 0;
  private slots = new Uint32Array(1024);
  private packIds: Uint8Array = new Uint8Array(64 * idBytes);
  private firstEntries = new Uint32Array(64);
  private packs = 0;

  get blobCount(): number {
    return this.count;
  }

  get packCount(): number {
    return this.packs;
  }

  /** Bytes that the index holds in memory. */
  get memoryBytes(): number {
    const pageBytes = pageEntries * (idBytes + 8);
    return this.pages.length * pageBytes + this.slots.byteLength + this.packIds.length + this.firstEntries.byteLength;
  }

  /** Adds a pack and all of its blobs. Returns its number: packs are numbered from 0 in the order in which they come. */
  addPack(packId: string, blobs: readonly PackedBlob[]): number {
    this.growPacks();
    this.packIds.set(Buffer.from(packId, 'hex'), this.packs * idBytes);
    this.firstEntries[this.packs] = this.count;
    for (const blob of blobs) this.addEntry(blob);
    this.packs += 1;
    return this.packs - 1;
  }

  /** The entry of a blob, or -1. `id` are the 32 bytes that begin at `at`. */
  find(type: BlobType, id: Uint8Array, at = 0): number {
    const { slots } = this;
    for (let slot = this.slotOf(id, at); ; slot = slot + 1 === slots.length ? 0 : slot + 1) {
      const entry = (slots[slot] ?? 0) - 1;
      if (entry < 0) return -1;
      if (this.isEntry(entry, { type, id, at })) return entry;
    }
  }

  has(type: BlobType, id: Uint8Array, at = 0): boolean {
    return this.find(type, id, at) >= 0;
  }

  /** Where an entry's blob lies. */
  place(entry: number): BlobPlace {
    const { offsets, facts } = this.pageOf(entry);
    const at = entry % pageEntries;
    const fact = facts[at] ?? 0;
    return {
      packId: this.packId(this.packOf(entry)),
      offset: offsets[at] ?? 0,
      length: fact & largestLength,
      compressed: fact >= compressedBit,
    };
  }

  /** The number of the pack that an entry is in. */
  packOf(entry: number): number {
    let low = 0;
    let high = this.packs - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.firstEntries[middle] ?? 0) <= entry) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  packId(pack: number): string {
    return Buffer.from(this.packIds.subarray(pack * idBytes, (pack + 1) * idBytes)).toString('hex');
  }

  /** The first entry of a pack, and the first that is no longer its. */
  entriesOf(pack: number): { readonly from: number; readonly to: number } {
    const from = this.firstEntries[pack] ?? this.count;
    return { from, to: pack + 1 < this.packs ? (this.firstEntries[pack + 1] ?? this.count) : this.count };
  }

  /** The blob of an entry. Its plain size is not kept. */
  blobOf(entry: number): { readonly type: BlobType; readonly id: Buffer; readonly length: number } {
    const { ids, facts } = this.pageOf(entry);
    const at = entry % pageEntries;
    const fact = facts[at] ?? 0;
    return {
      type: (fact & treeBit) === 0 ? 'data' : 'tree',
      id: Buffer.from(ids.subarray(at * idBytes, (at + 1) * idBytes)),
      length: fact & largestLength,
    };
  }

  /** The first entry of the same blob: the one that `find` gives. Itself, unless it is a duplicate. */
  firstOf(entry: number): number {
    const { ids } = this.pageOf(entry);
    return this.find(this.typeOf(entry), ids, (entry % pageEntries) * idBytes);
  }

  typeOf(entry: number): BlobType {
    return ((this.pageOf(entry).facts[entry % pageEntries] ?? 0) & treeBit) === 0 ? 'data' : 'tree';
  }

  /** The sealed length of an entry's blob. */
  lengthOf(entry: number): number {
    return (this.pageOf(entry).facts[entry % pageEntries] ?? 0) & largestLength;
  }

  /** Where in its pack an entry's blob begins. */
  offsetOf(entry: number): number {
    return this.pageOf(entry).offsets[entry % pageEntries] ?? 0;
  }

  isCompressed(entry: number): boolean {
    return (this.pageOf(entry).facts[entry % pageEntries] ?? 0) >= compressedBit;
  }

  private addEntry({ type, id, offset, length, rawLength }: PackedBlob): void {
    if (length > largestLength || offset >= 4 * GiB) throw tooLarge(length, offset);
    if (this.count >= this.slots.length * fullest) this.growSlots();
    if (this.count === this.pages.length * pageEntries) this.pages.push(newPage());
    const { ids, offsets, facts } = this.pageOf(this.count);
    const at = this.count % pageEntries;
    ids.set(Buffer.from(id, 'hex'), at * idBytes);
    offsets[at] = offset;
    facts[at] = length + (type === 'tree' ? treeBit : 0) + (rawLength === undefined ? 0 : compressedBit);
    this.insert(this.count);
    this.count += 1;
  }

  private growSlots(): void {
    const slotCount = Math.ceil(this.slots.length * growth);
    this.slots = new Uint32Array(0); // both at once would be the peak
    this.slots = new Uint32Array(slotCount);
    for (let entry = 0; entry < this.count; entry += 1) this.insert(entry);
  }

  private insert(entry: number): void {
    const { slots } = this;
    const { ids } = this.pageOf(entry);
    let slot = this.slotOf(ids, (entry % pageEntries) * idBytes);
    while (slots[slot] !== 0) slot = slot + 1 === slots.length ? 0 : slot + 1;
    slots[slot] = entry + 1;
  }

  private growPacks(): void {
    if (this.packs < this.firstEntries.length) return;
    const packIds = new Uint8Array(this.packIds.length * 1.5);
    packIds.set(this.packIds);
    this.packIds = packIds;
    const firstEntries = new Uint32Array(packIds.length / idBytes);
    firstEntries.set(this.firstEntries);
    this.firstEntries = firstEntries;
  }

  /** Ids are hashes: their first bits are spread evenly. */
  private slotOf(ids: Uint8Array, at: number): number {
    const low = ((ids[at + 1] ?? 0) << 16) | ((ids[at + 2] ?? 0) << 8) | (ids[at + 3] ?? 0);
    const head = (ids[at] ?? 0) * 2 ** 24 + low;
    return Math.floor((head / 2 ** 32) * this.slots.length);
  }

  private isEntry(entry: number, { type, id, at }: { type: BlobType; id: Uint8Array; at: number }): boolean {
    const { ids, facts } = this.pageOf(entry);
    const start = (entry % pageEntries) * idBytes;
    for (let byte = 0; byte < idBytes; byte += 1) if (ids[start + byte] !== id[at + byte]) return false;
    return (((facts[entry % pageEntries] ?? 0) & treeBit) !== 0) === (type === 'tree');
  }

  private pageOf(entry: number): Page {
    return this.pages[Math.floor(entry / pageEntries)] as Page;
  }
}

const tooLarge = (length: number, offset: number): Error =>
  vaultError('corrupt', {
    message: `An index tells of a blob of ${length} bytes at ${offset}: no pack is so large.`,
    hint: 'Rebuild the index: holdfast repair index.',
  });
