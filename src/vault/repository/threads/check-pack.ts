import { hash } from 'node:crypto';
import { messageOf } from '../../../base/errors.ts';
import type { SealingKey } from '../crypto/sealing-key.ts';
import { open } from '../crypto/sealing-key.ts';
import { decodePackHeader, type PackedBlob } from '../format/pack-header.ts';
import type { BlobOpener } from './blob-opener.ts';
import type { CheckPackRequest } from './requests.ts';

const lengthBytes = 4;

/** The blobs that the header at the end of `bytes`, a pack or its end, names, and where it begins; or what is wrong with it. */
export function readPackHeader(
  key: SealingKey,
  bytes: Uint8Array,
): { readonly blobs: readonly PackedBlob[]; readonly offset: number } | { readonly problem: string } {
  const end = bytes.length - lengthBytes;
  if (end < 0) return { problem: `it has only ${bytes.length} bytes` };
  const length = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).readUInt32LE(end);
  if (length > end) return { problem: 'it tells of a header that is longer than it can be' };
  try {
    return { blobs: decodePackHeader(open(key, bytes.subarray(end - length, end))), offset: end - length };
  } catch (error) {
    return { problem: `its header can not be read: ${messageOf(error)}` };
  }
}

const factsOf = ({ type, id, offset, length, rawLength }: PackedBlob): string =>
  `${type} ${id} ${offset} ${length} ${rawLength !== undefined}`;

/** What of the header the index does not have, and the other way round. */
export function compareWithIndex(blobs: readonly PackedBlob[], indexed: CheckPackRequest['blobs']): string[] {
  const inIndex = new Set(indexed.map(factsOf));
  const inHeader = new Set(blobs.map(factsOf));
  const lost = blobs.filter((blob) => !inIndex.has(factsOf(blob))).length;
  const invented = indexed.filter((blob) => !inHeader.has(factsOf(blob))).length;
  return [
    ...(lost > 0 ? [`the index does not have ${lost} of its ${blobs.length} blobs`] : []),
    ...(invented > 0 ? [`the index tells of ${invented} blobs that are not in it`] : []),
  ];
}

/** What is wrong with a pack: its name, its header, gaps, what the index says, and each blob. */
export function checkPack(
  opener: BlobOpener,
  key: SealingKey,
  { pack, id, blobs: indexed }: CheckPackRequest,
): string[] {
  const problems: string[] = [];
  const name = hash('sha256', pack, 'hex');
  if (name !== id) problems.push(`its name is not the hash of its bytes, which is ${name}`);
  const header = readPackHeader(key, pack);
  if ('problem' in header) problems.push(header.problem);
  else {
    const end = header.blobs.reduce((sum, { length }) => sum + length, 0);
    if (end !== header.offset) problems.push(`its blobs end at ${end}, but its header begins at ${header.offset}`);
    problems.push(...compareWithIndex(header.blobs, indexed));
  }
  for (const { type, id: blobId, offset, length, rawLength } of 'problem' in header ? indexed : header.blobs) {
    const sealed = pack.subarray(offset, offset + length);
    try {
      opener.check(sealed, Buffer.from(blobId, 'hex'), rawLength !== undefined);
    } catch (error) {
      problems.push(`the ${type} blob ${blobId} in it is damaged: ${messageOf(error)}`);
    }
  }
  return problems;
}
