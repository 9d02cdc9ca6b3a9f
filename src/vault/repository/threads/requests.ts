import type { SealingKey } from '../crypto/sealing-key.ts';
import type { BlobType, PackedBlob } from '../format/pack-header.ts';

/** What every thread is given before its first request. */
export interface ThreadData {
  readonly key: SealingKey;
  /** False in a repository of version 1: there every blob is stored as it is. */
  readonly compresses: boolean;
  /** zstd's level for data; undefined where data is stored as it is. */
  readonly compressionLevel: number | undefined;
  /** Memory with content. */
  readonly slabs: SharedArrayBuffer;
  /** Memory in which packs are put together, by its number. */
  readonly packs: readonly SharedArrayBuffer[];
  /** For each pack, how many of its bytes are taken. */
  readonly packsUsed: SharedArrayBuffer;
  /** For each pack, the state of its digest, where that is made in steps. */
  readonly packsDigest: SharedArrayBuffer;
}

/**
 * Contents of blobs: the bytes themselves; or where they lie in the slabs' memory: for each blob how many parts it has, then
 * offset and length of each. In one row of numbers: copying an array for each part costs more than the work on it.
 */
export type BlobContents = Uint32Array | readonly Uint8Array[];

/** Names blobs by their content. */
export interface HashRequest {
  readonly op: 'hash';
  readonly blobs: BlobContents;
}

/** Reads small files, each into the slab where its blob is to lie, and names them. */
export interface ReadRequest {
  readonly op: 'read';
  /** Blobs of one part each, as long as their files. */
  readonly blobs: Uint32Array;
  /** The files' paths, a zero behind each. */
  readonly paths: Uint8Array;
  /** What tells of each that it is as it was: inode, mtime and ctime. */
  readonly states: BigInt64Array;
}

/** Compresses and encrypts blobs into a pack. */
export interface SealRequest {
  readonly op: 'seal';
  readonly type: BlobType;
  readonly blobs: BlobContents;
  readonly pack: number;
}

/** Takes a part of a pack into its digest: one part after the other, from the first byte on. */
export interface DigestRequest {
  readonly op: 'digest';
  readonly pack: number;
  readonly offset: number;
  readonly length: number;
}

/** Ends a pack by its header. */
export interface FinishRequest {
  readonly op: 'finish';
  readonly pack: number;
  /** Up to where the pack is in its digest. */
  readonly digested: number;
  readonly header: Uint8Array;
}

/** Opens blobs: each is checked against its seal and its name. */
export interface OpenRequest {
  readonly op: 'open';
  /** A part of a pack, in shared memory. */
  readonly sealed: Uint8Array;
  /** For each blob: where in `sealed` it begins, its sealed length, and 1 where it is compressed. */
  readonly places: Uint32Array;
  /** 32 bytes for each blob. */
  readonly ids: Uint8Array;
  /** Shared memory for plain bytes; what does not fit comes in memory of its own. */
  readonly plain?: Uint8Array | undefined;
}

/** Takes sealed blobs over into a pack: each is checked against its seal and its name, and only sound ones are taken. */
export interface TransferRequest {
  readonly op: 'transfer';
  /** The key of the repository that they come from, where that is another: then they are sealed anew. */
  readonly from: SealingKey | undefined;
  /** Compress, and seal anew, what is not compressed yet. */
  readonly recompress: boolean;
  readonly type: BlobType;
  readonly pack: number;
  /** As in OpenRequest. */
  readonly sealed: Uint8Array;
  readonly places: Uint32Array;
  readonly ids: Uint8Array;
}

/** Checks a whole pack against its name, its header, and what the index says of it. */
export interface CheckPackRequest {
  readonly op: 'check-pack';
  /** The whole pack, in shared memory. */
  readonly pack: Uint8Array;
  readonly id: string;
  /** What the index says, by offset. */
  readonly blobs: readonly PackedBlob[];
}

export interface ThreadAnswers {
  /** 32 bytes for each blob. */
  readonly hash: Uint8Array;
  /** The same, and which files were not as they had been: their names mean nothing. */
  readonly read: { readonly ids: Uint8Array; readonly odd: readonly number[] };
  /** For each blob: where it begins in the pack, its sealed length, and its plain length or 0 where it is stored as it is. */
  readonly seal: Uint32Array;
  readonly digest: undefined;
  /** The pack's name and its whole length. */
  readonly finish: { readonly id: string; readonly sizeBytes: number };
  /**
   * `places` says of each blob where its plain bytes are: 0 for the memory given, else the number of one of `buffers`,
   * from 1 on; then where it begins there, and its length. The buffers are transferred.
   */
  readonly open: {
    readonly buffers: readonly Uint8Array<ArrayBuffer>[];
    readonly places: Uint32Array;
    readonly damaged: readonly { readonly blob: number; readonly why: string }[];
  };
  /** `places` as for seal; all 0 for a blob that is damaged. */
  readonly transfer: {
    readonly places: Uint32Array;
    readonly damaged: readonly { readonly blob: number; readonly why: string }[];
  };
  /** What is wrong with the pack; nothing when it is sound. */
  readonly 'check-pack': readonly string[];
}

export type ThreadRequest =
  | HashRequest
  | ReadRequest
  | SealRequest
  | DigestRequest
  | FinishRequest
  | OpenRequest
  | TransferRequest
  | CheckPackRequest;

/** A thread's first message. */
export interface Introduction {
  readonly data: ThreadData;
}

export interface Envelope {
  readonly job: number;
  readonly request: ThreadRequest;
}

export interface Reply {
  readonly job: number;
  readonly answer?: ThreadAnswers[keyof ThreadAnswers];
  readonly failure?: { readonly code: string; readonly message: string };
}
