import { findNativeFunctions } from '../../../base/native-functions.ts';
import { addressOf } from '../../../base/native-memory.ts';

const signatures = {
  SHA256_Init: { arguments: ['pointer'], return: 'i32' },
  SHA256_Update: { arguments: ['pointer', 'pointer', 'u64'], return: 'i32' },
  SHA256_Final: { arguments: ['pointer', 'pointer'], return: 'i32' },
} as const;

/** Room for OpenSSL's SHA256_CTX, which has 112 bytes. */
export const digestStateBytes = 128;

/** SHA-256 in steps, whose state lies in shared memory: each step may be another thread's. */
export interface PackDigest {
  /** Takes more bytes into the digest that is at `state`; `first` begins it. */
  add(state: Uint8Array, bytes: Uint8Array, first: boolean): void;
  /** The digest, in hexadecimal; the state means nothing afterwards. */
  end(state: Uint8Array): string;
}

/** OpenSSL's own functions; undefined where they can't be called. */
function openSslPackDigest(): PackDigest | undefined {
  const openssl = findNativeFunctions(signatures);
  if (!openssl) return undefined;
  return {
    add: (state, bytes, first) => {
      if (state.length < digestStateBytes) throw new RangeError('no room for the state of a digest');
      if (first) openssl.SHA256_Init(addressOf(state));
      openssl.SHA256_Update(addressOf(state), addressOf(bytes), BigInt(bytes.length));
    },
    end: (state) => {
      const digest = Buffer.alloc(32);
      openssl.SHA256_Final(addressOf(digest), addressOf(state));
      return digest.toString('hex');
    },
  };
}

/** The example of FIPS 180-4, in two steps. */
function isRight(digest: PackDigest): boolean {
  const state = new Uint8Array(digestStateBytes);
  digest.add(state, Buffer.from('a'), true);
  digest.add(state, Buffer.from('bc'), false);
  return digest.end(state) === 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
}

const openSsl = openSslPackDigest();

/** Undefined where a digest can't be made in steps by several threads. */
export const packDigest: PackDigest | undefined = openSsl && isRight(openSsl) ? openSsl : undefined;
