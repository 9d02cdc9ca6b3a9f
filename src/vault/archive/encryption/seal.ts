import type { EncryptionDescriptor } from './encryption-descriptor.ts';

/** One encryption of one artefact. */
export interface Seal {
  /** Encrypts; call it once. */
  seal(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
  /** What opening needs beside the key; complete once the sealed bytes have ended. */
  descriptor(): EncryptionDescriptor;
}
