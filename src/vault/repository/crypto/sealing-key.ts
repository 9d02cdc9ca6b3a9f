import { type Cipheriv, createCipheriv, createDecipheriv, randomBytes, timingSafeEqual } from 'node:crypto';
import { KiB } from '../../../base/bytes.ts';
import { vaultError } from '../../errors.ts';
import { loadKernels } from '../kernels/load-kernels.ts';

/** What a restic repository is encrypted with. */
export interface SealingKey {
  /** AES-256; 32 bytes. */
  readonly encrypt: Uint8Array;
  /** AES-128, which makes the one-time half of a Poly1305 key of a nonce; 16 bytes. */
  readonly macK: Uint8Array;
  /** The other half, not clamped; 16 bytes. */
  readonly macR: Uint8Array;
}

const ivSize = 16;
const tagSize = 16;

/** How many bytes more than the plaintext a sealed message has. */
export const sealedOverhead = ivSize + tagSize;

/** What is encrypted, copied and authenticated at once: it stays in the cache meanwhile. */
const pieceSize = 64 * KiB;

export function randomSealingKey(): SealingKey {
  return { encrypt: randomBytes(32), macK: randomBytes(16), macR: randomBytes(16) };
}

/** The ciphers that make one-time keys: in ECB mode one serves all messages of a key. */
const nonceCiphers = new WeakMap<SealingKey, Cipheriv>();

function nonceCipher(key: SealingKey): Cipheriv {
  const known = nonceCiphers.get(key);
  if (known !== undefined) return known;
  const cipher = createCipheriv('aes-128-ecb', key.macK, null).setAutoPadding(false);
  nonceCiphers.set(key, cipher);
  return cipher;
}

/** The Poly1305 key of one message: r, then AES-128(k, nonce). */
const oneTimeKey = (key: SealingKey, iv: Uint8Array): Buffer => Buffer.concat([key.macR, nonceCipher(key).update(iv)]);

/**
 * Writes IV, AES-256-CTR ciphertext and Poly1305 tag of `plaintext` into `target` from `offset` on and returns how many bytes that
 * are: `sealedOverhead` more than the plaintext, which must not lie where it writes.
 */
export function sealInto(key: SealingKey, plaintext: Uint8Array, target: Uint8Array, offset: number): number {
  const kernels = loadKernels();
  const iv = randomBytes(ivSize);
  const cipher = createCipheriv('aes-256-ctr', key.encrypt, iv);
  target.set(iv, offset);
  kernels.startPoly1305(oneTimeKey(key, iv));
  for (let at = 0; at < plaintext.length; at += pieceSize) {
    const piece = cipher.update(plaintext.subarray(at, at + pieceSize));
    target.set(piece, offset + ivSize + at);
    kernels.updatePoly1305(piece);
  }
  target.set(kernels.finishPoly1305(), offset + ivSize + plaintext.length);
  return plaintext.length + sealedOverhead;
}

/** IV, ciphertext and tag of `plaintext`, under a new random IV. */
export function seal(key: SealingKey, plaintext: Uint8Array): Buffer {
  const sealed = Buffer.allocUnsafeSlow(plaintext.length + sealedOverhead);
  sealInto(key, plaintext, sealed, 0);
  return sealed;
}

/** The plaintext of what `seal` made. Nothing is decrypted before the tag has been found right; throws vault/corrupt. */
export function open(key: SealingKey, sealed: Uint8Array): Buffer {
  const iv = sealed.subarray(0, ivSize);
  if (sealed.length < sealedOverhead || iv.every((byte) => byte === 0)) {
    throw damaged(sealed.length < sealedOverhead ? `it has only ${sealed.length} bytes` : 'it has no nonce');
  }
  const ciphertext = sealed.subarray(ivSize, sealed.length - tagSize);
  const kernels = loadKernels();
  kernels.startPoly1305(oneTimeKey(key, iv));
  kernels.updatePoly1305(ciphertext);
  if (!timingSafeEqual(kernels.finishPoly1305(), sealed.subarray(sealed.length - tagSize))) {
    throw damaged('its authentication tag is wrong');
  }
  return createDecipheriv('aes-256-ctr', key.encrypt, iv).update(ciphertext);
}

const damaged = (detail: string): Error =>
  vaultError('corrupt', {
    message: `Sealed content of the repository is damaged or sealed with another key: ${detail}.`,
    hint: 'Verify the vault, and look at the health of its store.',
  });
