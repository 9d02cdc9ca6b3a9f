import type { KnownFile } from '../../../base/known-file.ts';
import type { BlobContents, ReadRequest } from '../threads/requests.ts';
import { type Piece, Slabs } from './slabs.ts';

/** A blob's content: where its parts lie, or the bytes themselves. */
export type BlobContent = readonly Piece[] | Uint8Array;

const isInSlabs = (content: BlobContent): content is readonly Piece[] => !(content instanceof Uint8Array);

/** Where the contents lie; what lies in one piece is one part. */
function placesOf(contents: readonly (readonly Piece[])[]): Uint32Array {
  let count = contents.length;
  for (const pieces of contents) count += 2 * pieces.length;
  const numbers = new Uint32Array(count);
  let at = 0;
  for (const pieces of contents) {
    const countAt = at++;
    let end = -1;
    for (const piece of pieces) {
      const start = Slabs.placeOf(piece);
      if (start === end) numbers[at - 1] = (numbers[at - 1] ?? 0) + piece.length;
      else at = writePiece(numbers, at, piece);
      end = start + piece.length;
    }
    numbers[countAt] = (at - 1 - countAt) / 2;
  }
  return numbers.subarray(0, at);
}

function writePiece(numbers: Uint32Array, at: number, piece: Piece): number {
  numbers[at] = Slabs.placeOf(piece);
  numbers[at + 1] = piece.length;
  return at + 2;
}

/** The same for contents of one piece each. */
function placesOfWhole(pieces: readonly Piece[]): Uint32Array {
  const numbers = new Uint32Array(3 * pieces.length);
  for (const [index, piece] of pieces.entries()) {
    numbers[index * 3] = 1;
    writePiece(numbers, index * 3 + 1, piece);
  }
  return numbers;
}

/** What threads are told of contents that all lie in slabs, or that none of does. */
export function contentsOf(contents: readonly BlobContent[]): BlobContents {
  return contents.every(isInSlabs) ? placesOf(contents) : (contents as readonly Uint8Array[]);
}

/** Asks a thread to read whole files, each to its own place. */
export function readRequest(files: readonly KnownFile[], places: readonly Piece[]): ReadRequest {
  const states = new BigInt64Array(files.length * 3);
  const paths = new Uint8Array(files.reduce((sum, { location }) => sum + location.length + 1, 0));
  let at = 0;
  for (const [index, { location, inode, mtimeNs, ctimeNs }] of files.entries()) {
    states[index * 3] = inode;
    states[index * 3 + 1] = mtimeNs;
    states[index * 3 + 2] = ctimeNs;
    paths.set(location, at);
    at += location.length + 1;
  }
  return { op: 'read', blobs: placesOfWhole(places), paths, states };
}
