import type { KnownFile } from '../../../base/known-file.ts';
import type { BlobContents, ReadRequest } from '../threads/requests.ts';
import type { Piece } from './slabs.ts';

/** A blob's content: where its parts lie, or the bytes themselves. */
export type BlobContent = readonly Piece[] | Uint8Array;

const isInSlabs = (content: BlobContent): content is readonly Piece[] => !(content instanceof Uint8Array);

function placesOf(contents: readonly (readonly Piece[])[]): Uint32Array {
  const numbers: number[] = [];
  for (const pieces of contents) {
    numbers.push(pieces.length);
    for (const { slab, offset, length } of pieces) numbers.push(slab.number, offset, length);
  }
  return Uint32Array.from(numbers);
}

/** What threads are told of contents that all lie in slabs, or that none of does. */
export function contentsOf(contents: readonly BlobContent[]): BlobContents {
  return contents.every(isInSlabs) ? placesOf(contents) : (contents as readonly Uint8Array[]);
}

const zero = new Uint8Array(1);

/** Asks a thread to read whole files, each to its own place. */
export function readRequest(files: readonly KnownFile[], places: readonly Piece[]): ReadRequest {
  const states = new BigInt64Array(files.length * 3);
  for (const [index, { inode, mtimeNs, ctimeNs }] of files.entries()) {
    states[index * 3] = inode;
    states[index * 3 + 1] = mtimeNs;
    states[index * 3 + 2] = ctimeNs;
  }
  return {
    op: 'read',
    blobs: placesOf(places.map((place) => [place])),
    paths: Buffer.concat(files.flatMap(({ location }) => [location, zero])),
    states,
  };
}
