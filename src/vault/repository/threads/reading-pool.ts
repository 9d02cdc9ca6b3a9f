import type { Repository } from '../repository.ts';
import { ThreadPool } from './thread-pool.ts';

/** Threads that open blobs and check packs; they need no memory of the saving side. */
export function startReadingPool({ key }: Repository): ThreadPool {
  return new ThreadPool({
    key,
    compresses: false,
    compressionLevel: undefined,
    slabs: new SharedArrayBuffer(0),
    packs: [],
    packsUsed: new SharedArrayBuffer(0),
    packsDigest: new SharedArrayBuffer(0),
  });
}
