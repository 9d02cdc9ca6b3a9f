import type { BlobType, PackedBlob } from './pack-header.ts';
import { type IndexTable, scanIndex } from './scan-index.ts';
import { asArray, asId, asNumber, asObject, corrupt, jsonText, maxUint32, optional, parseObject } from './read-json.ts';

export type { IndexTable } from './scan-index.ts';

/** A pack as an index tells of it. */
export interface IndexedPack {
  readonly id: string;
  /** Ascending by offset. */
  readonly blobs: readonly PackedBlob[];
}

export interface IndexFile {
  /** The indexes that this one replaces; only old programs write it. */
  readonly supersedes?: readonly string[];
  readonly packs: readonly IndexedPack[];
}

const blobJson = ({ id, type, offset, length, rawLength }: PackedBlob): string => {
  const size = rawLength === undefined ? '' : `,"uncompressed_length":${rawLength}`;
  return `{"id":"${id}","type":"${type}","offset":${offset},"length":${length}${size}}`;
};

const packJson = ({ id, blobs }: IndexedPack): string => {
  const ordered = blobs.toSorted((a, b) => a.offset - b.offset);
  return `{"id":"${id}","blobs":[${ordered.map(blobJson).join(',')}]}`;
};

/** The JSON of an index. All blobs of a pack must be in one index. */
export function encodeIndex({ supersedes = [], packs }: IndexFile): string {
  const replaced = supersedes.length === 0 ? '' : `"supersedes":["${supersedes.join('","')}"],`;
  return `{${replaced}"packs":[${packs.map(packJson).join(',')}]}\n`;
}

/** No blob's text is longer, and nothing of a pack's that is not its blobs'. */
const longestText = 192;

/** The same for packs that come one by one, as many and with as many blobs as is said: no text is held twice. */
export function encodeLargeIndex(
  packs: Iterable<IndexedPack>,
  counts: { readonly packs: number; readonly blobs: number },
): Buffer {
  const bytes = Buffer.allocUnsafeSlow((counts.packs + counts.blobs + 1) * longestText);
  let at = bytes.write('{"packs":', 0, 'latin1');
  let separator = '[';
  for (const pack of packs) {
    at += bytes.write(separator + packJson(pack), at, 'latin1');
    separator = ',';
  }
  at += bytes.write(separator === '[' ? '[]}\n' : ']}\n', at, 'latin1');
  return bytes.subarray(0, at);
}

const what = 'An index';

const asType = (value: unknown): BlobType => {
  if (value === 'data' || value === 'tree') return value;
  throw corrupt(what, `there is no type of blob ${JSON.stringify(value)}`);
};

function readBlob(value: unknown): PackedBlob {
  const { id, type, offset, length, uncompressed_length: size } = asObject(value, what);
  const rawLength = optional(size, what, (bytes) => asNumber(bytes, what, maxUint32));
  return {
    id: asId(id, what),
    type: asType(type),
    offset: asNumber(offset, what, maxUint32),
    length: asNumber(length, what, maxUint32),
    ...(rawLength && { rawLength }),
  };
}

function tableOf({ supersedes = [], packs }: IndexFile): IndexTable {
  const blobs = packs.flatMap((pack, index) => pack.blobs.map((blob) => ({ blob, index })));
  return {
    supersedes,
    packIds: packs.map(({ id }) => id),
    packs: Uint32Array.from(blobs, ({ index }) => index),
    ids: Buffer.from(blobs.map(({ blob }) => blob.id).join(''), 'hex'),
    types: Uint8Array.from(blobs, ({ blob }) => (blob.type === 'data' ? 0 : 1)),
    offsets: Uint32Array.from(blobs, ({ blob }) => blob.offset),
    lengths: Uint32Array.from(blobs, ({ blob }) => blob.length),
    rawLengths: Uint32Array.from(blobs, ({ blob }) => blob.rawLength ?? 0),
  };
}

/** Any JSON that is an index: the way for files that are not laid out as restic does. */
function parseIndex(bytes: Uint8Array): IndexFile {
  const raw = parseObject(jsonText(bytes, what), what);
  if (!('packs' in raw)) throw corrupt(what, 'it has no list of packs');
  return {
    supersedes: asArray(raw['supersedes'], what).map((id) => asId(id, what)),
    packs: asArray(raw['packs'], what).map((value) => {
      const { id, blobs } = asObject(value, what);
      return { id: asId(id, what), blobs: asArray(blobs, what).map(readBlob) };
    }),
  };
}

/** An index of many blobs, fast: what restic and this program write is never made into objects. Throws vault/corrupt. */
export function decodeIndexTable(bytes: Uint8Array): IndexTable {
  return scanIndex(bytes) ?? tableOf(parseIndex(bytes));
}

function blobAt(table: IndexTable, ids: Buffer, row: number): PackedBlob {
  const rawLength = table.rawLengths[row] as number;
  return {
    id: ids.toString('hex', row * 32, row * 32 + 32),
    type: table.types[row] === 0 ? 'data' : 'tree',
    offset: table.offsets[row] as number,
    length: table.lengths[row] as number,
    ...(rawLength > 0 && { rawLength }),
  };
}

/** An index, its packs in the order of the file and the blobs of each ascending by offset. Throws vault/corrupt. */
export function decodeIndex(bytes: Uint8Array): IndexFile {
  const table = decodeIndexTable(bytes);
  const ids = Buffer.from(table.ids.buffer, table.ids.byteOffset, table.ids.byteLength);
  const packs = table.packIds.map((id) => ({ id, blobs: [] as PackedBlob[] }));
  table.packs.forEach((pack, row) => packs[pack]?.blobs.push(blobAt(table, ids, row)));
  for (const { blobs } of packs) blobs.sort((a, b) => a.offset - b.offset);
  return { ...(table.supersedes.length > 0 && { supersedes: table.supersedes }), packs };
}
