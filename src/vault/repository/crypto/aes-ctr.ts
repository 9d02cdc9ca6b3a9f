import { createDecipheriv } from 'node:crypto';
import { KiB } from '../../../base/bytes.ts';
import { findNativeFunctions } from '../../../base/native-functions.ts';
import { addressOf } from '../../../base/native-memory.ts';

const signatures = {
  EVP_CIPHER_CTX_new: { arguments: [], return: 'pointer' },
  EVP_aes_256_ctr: { arguments: [], return: 'pointer' },
  EVP_CipherInit_ex: { arguments: ['pointer', 'pointer', 'pointer', 'pointer', 'pointer', 'i32'], return: 'i32' },
  EVP_CipherUpdate: { arguments: ['pointer', 'pointer', 'pointer', 'pointer', 'i32'], return: 'i32' },
} as const;

/** What is worked on at once stays in the processor's cache meanwhile. */
const pieceBytes = 64 * KiB;

/** Begins a message; what is returned works on one part of it after the other. */
type Begin = (iv: Uint8Array) => (from: Uint8Array, to: Uint8Array) => void;

/**
 * AES-256-CTR from one memory into another; encrypting and decrypting are the same. node:crypto gives new memory at each
 * call, which costs several times what the cipher does: so OpenSSL is called where Node.js has it (node:ffi, docs/decisions/0004), and
 * node:crypto where that can't be.
 */
export class CtrCipher {
  private readonly begin: Begin;

  constructor(key: Uint8Array) {
    this.begin = beginDirectly(key) ?? beginByNode(key);
  }

  /**
   * Takes all parts of `from`, one behind the other, to the beginning of `to`, and tells `onPiece` of each piece when it is
   * there: of 64 KiB, but for the last one.
   */
  applyTo(iv: Uint8Array, from: readonly Uint8Array[], to: Uint8Array, onPiece?: (piece: Uint8Array) => void): void {
    const update = this.begin(iv);
    let at = 0;
    let begin = 0;
    for (const part of from)
      for (let done = 0; done < part.length;) {
        const take = Math.min(part.length - done, begin + pieceBytes - at);
        update(take === part.length ? part : part.subarray(done, done + take), to.subarray(at, at + take));
        done += take;
        at += take;
        if (at < begin + pieceBytes) continue;
        onPiece?.(to.subarray(begin, at));
        begin = at;
      }
    if (at > begin) onPiece?.(to.subarray(begin, at));
  }
}

function beginByNode(key: Uint8Array): Begin {
  return (iv) => {
    const decipher = createDecipheriv('aes-256-ctr', key, iv);
    return (from, to) => to.set(decipher.update(from));
  };
}

function beginDirectly(key: Uint8Array): Begin | undefined {
  const openssl = findNativeFunctions(signatures);
  const context = openssl?.EVP_CIPHER_CTX_new() ?? 0n;
  if (!openssl || context === 0n) return undefined;
  const written = Buffer.alloc(4);
  const check = (status: number, bytes: number): void => {
    if (status !== 1 || written.readInt32LE() !== bytes) throw new Error('OpenSSL refused a message');
  };
  // The context keeps cipher and key: a message begins by its IV alone.
  check(openssl.EVP_CipherInit_ex(context, openssl.EVP_aes_256_ctr(), 0n, addressOf(key), addressOf(key), 0), 0);
  return (iv) => {
    written.writeInt32LE(0);
    check(openssl.EVP_CipherInit_ex(context, 0n, 0n, 0n, addressOf(iv), 0), 0);
    return (from, to) =>
      check(
        openssl.EVP_CipherUpdate(context, addressOf(to), addressOf(written), addressOf(from), from.length),
        from.length,
      );
  };
}
