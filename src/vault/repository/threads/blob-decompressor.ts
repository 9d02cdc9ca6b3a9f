import { GiB } from '../../../base/bytes.ts';
import { findNativeFunctions } from '../../../base/native-functions.ts';
import { decompressBlob } from '../format/zstd.ts';

const signatures = {
  ZSTD_createDCtx: { arguments: [], return: 'pointer' },
  ZSTD_getFrameContentSize: { arguments: ['buffer', 'u64'], return: 'u64' },
  ZSTD_decompressDCtx: { arguments: ['pointer', 'buffer', 'u64', 'buffer', 'u64'], return: 'u64' },
  ZSTD_isError: { arguments: ['u64'], return: 'u32' },
} as const;

/** No blob is larger; also keeps apart the values by which zstd says that a frame does not tell its size. */
const largestBlobBytes = BigInt(GiB);

/**
 * Decompresses blobs, one after the other, with one context for all: node:zlib makes one anew for each call, which
 * costs four times what 4 KB take. So zstd is called where Node.js has it (docs/decisions/0004), else through node:zlib.
 */
export class BlobDecompressor {
  private readonly direct = findNativeFunctions(signatures);
  private readonly context: bigint = this.direct?.ZSTD_createDCtx() ?? 0n;

  /** The plain bytes of a frame, in memory that `room` gives for so many. Throws for what is no whole zstd frame. */
  decompress(frame: Uint8Array, room: (bytes: number) => Uint8Array): Uint8Array {
    if (!this.direct || this.context === 0n) return byZlib(frame, room);
    const { ZSTD_getFrameContentSize, ZSTD_decompressDCtx, ZSTD_isError } = this.direct;
    const size = ZSTD_getFrameContentSize(frame, BigInt(frame.length));
    if (size > largestBlobBytes) return byZlib(frame, room);
    const plain = room(Number(size));
    const written = ZSTD_decompressDCtx(this.context, plain, size, frame, BigInt(frame.length));
    if (ZSTD_isError(written) !== 0 || written !== size) throw new RangeError('it is no whole zstd frame');
    return plain;
  }
}

function byZlib(frame: Uint8Array, room: (bytes: number) => Uint8Array): Uint8Array {
  const bytes = decompressBlob(frame);
  const plain = room(bytes.length);
  plain.set(bytes);
  return plain;
}
