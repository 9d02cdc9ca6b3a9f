import {
  type Cipheriv,
  createCipheriv,
  createDecipheriv,
  randomBytes,
  randomFillSync,
  timingSafeEqual,
} from 'node:crypto';
import { vaultError } from '../../errors.ts';
import { CtrCipher } from './aes-ctr.ts';
import { messageMac } from './message-mac.ts';

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

/** What new messages are sealed with: random IVs with the one-time keys that belong to them, many made at once. */
class Nonces {
  private readonly key: SealingKey;
  private readonly ivs = Buffer.allocUnsafeSlow(256 * ivSize);
  private readonly macKey = Buffer.allocUnsafeSlow(32);
  private secrets = Buffer.alloc(0);
  private used = this.ivs.length;

  constructor(key: SealingKey) {
    this.key = key;
    this.macKey.set(key.macR);
  }

  /** An IV that was never used, and the Poly1305 key of its message; the latter is valid until the next call. */
  next(): { readonly iv: Uint8Array; readonly macKey: Uint8Array } {
    if (this.used === this.ivs.length) {
      randomFillSync(this.ivs);
      this.secrets = nonceCipher(this.key).update(this.ivs);
      this.used = 0;
    }
    const [begin, end] = [this.used, (this.used += ivSize)];
    this.secrets.copy(this.macKey, 16, begin, end);
    return { iv: this.ivs.subarray(begin, end), macKey: this.macKey };
  }
}

const nonces = new WeakMap<SealingKey, Nonces>();

function noncesOf(key: SealingKey): Nonces {
  const known = nonces.get(key);
  if (known !== undefined) return known;
  const made = new Nonces(key);
  nonces.set(key, made);
  return made;
}

/**
 * Writes IV, AES-256-CTR ciphertext and Poly1305 tag of a plaintext, given in parts, into `target` from `offset` on and
 * returns how many bytes that are: `sealedOverhead` more than the plaintext, which must not lie where it writes.
 */
export function sealInto(
  key: SealingKey,
  plaintext: readonly Uint8Array[],
  target: Uint8Array,
  offset: number,
): number {
  const size = plaintext.reduce((sum, { length }) => sum + length, 0);
  const mac = messageMac();
  const { iv, macKey } = noncesOf(key).next();
  target.set(iv, offset);
  mac.start(macKey);
  const ciphertext = target.subarray(offset + ivSize, offset + ivSize + size);
  cipherOf(key).applyTo(iv, plaintext, ciphertext, (piece) => mac.update(piece));
  target.set(mac.finish(), offset + ivSize + size);
  return size + sealedOverhead;
}

/** IV, ciphertext and tag of `plaintext`, under a new random IV. */
export function seal(key: SealingKey, plaintext: Uint8Array): Buffer {
  const sealed = Buffer.allocUnsafeSlow(plaintext.length + sealedOverhead);
  sealInto(key, [plaintext], sealed, 0);
  return sealed;
}

/** The IV and the ciphertext of what `seal` made, when its tag is right; throws vault/corrupt. */
function authenticated(
  key: SealingKey,
  sealed: Uint8Array,
): { readonly iv: Uint8Array; readonly ciphertext: Uint8Array } {
  const iv = sealed.subarray(0, ivSize);
  if (sealed.length < sealedOverhead || iv.every((byte) => byte === 0)) {
    throw damaged(sealed.length < sealedOverhead ? `it has only ${sealed.length} bytes` : 'it has no nonce');
  }
  const ciphertext = sealed.subarray(ivSize, sealed.length - tagSize);
  const mac = messageMac();
  mac.start(oneTimeKey(key, iv));
  mac.update(ciphertext);
  if (!timingSafeEqual(mac.finish(), sealed.subarray(sealed.length - tagSize))) {
    throw damaged('its authentication tag is wrong');
  }
  return { iv, ciphertext };
}

/** The plaintext of what `seal` made. Nothing is decrypted before the tag has been found right; throws vault/corrupt. */
export function open(key: SealingKey, sealed: Uint8Array): Buffer {
  const { iv, ciphertext } = authenticated(key, sealed);
  return createDecipheriv('aes-256-ctr', key.encrypt, iv).update(ciphertext);
}

/**
 * The same, written to the beginning of `target`, which must have room for `sealedOverhead` bytes less than `sealed`. `onPiece` is
 * told each piece while it is in the processor's cache.
 */
export function openInto(
  key: SealingKey,
  sealed: Uint8Array,
  target: Uint8Array,
  onPiece?: (piece: Uint8Array) => void,
): void {
  const { iv, ciphertext } = authenticated(key, sealed);
  cipherOf(key).applyTo(iv, [ciphertext], target, onPiece);
}

const ciphers = new WeakMap<SealingKey, CtrCipher>();

function cipherOf(key: SealingKey): CtrCipher {
  const known = ciphers.get(key);
  if (known !== undefined) return known;
  const cipher = new CtrCipher(key.encrypt);
  ciphers.set(key, cipher);
  return cipher;
}

const damaged = (detail: string): Error =>
  vaultError('corrupt', {
    message: `Sealed content of the repository is damaged or sealed with another key: ${detail}.`,
    hint: 'Verify the vault, and look at the health of its store.',
  });
