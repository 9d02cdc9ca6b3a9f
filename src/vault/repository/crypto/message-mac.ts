import { findNativeFunctions } from '../../../base/native-functions.ts';
import { addressOf } from '../../../base/native-memory.ts';
import { loadKernels } from '../kernels/load-kernels.ts';

/**
 * Poly1305. It holds the state of one message at a time, so that no caller may wait for something between `start` and
 * `finish`.
 */
export interface MessageMac {
  /** Begins a message; `oneTimeKey` is r, clamped or not, and s: 32 bytes. */
  start(oneTimeKey: Uint8Array): void;
  /** Takes more of the message. Only its last part may have a length that 16 does not divide. */
  update(bytes: Uint8Array): void;
  /** The 16 bytes of the message's tag; valid until the next message's. */
  finish(): Uint8Array;
}

const signatures = {
  Poly1305_ctx_size: { arguments: [], return: 'u64' },
  Poly1305_Init: { arguments: ['pointer', 'pointer'], return: 'void' },
  Poly1305_Update: { arguments: ['pointer', 'pointer', 'u64'], return: 'void' },
  Poly1305_Final: { arguments: ['pointer', 'pointer'], return: 'void' },
} as const;

/** OpenSSL's own, which takes a fifth of the kernel's time and needs no copy; undefined where it can't be called. */
export function openSslMac(): MessageMac | undefined {
  const openssl = findNativeFunctions(signatures);
  if (!openssl) return undefined;
  const context = Buffer.allocUnsafeSlow(Number(openssl.Poly1305_ctx_size()));
  const tag = Buffer.allocUnsafeSlow(16);
  return {
    start: (oneTimeKey) => {
      if (oneTimeKey.length !== 32) throw new RangeError('a key of Poly1305 has 32 bytes');
      openssl.Poly1305_Init(addressOf(context), addressOf(oneTimeKey));
    },
    update: (bytes) => openssl.Poly1305_Update(addressOf(context), addressOf(bytes), BigInt(bytes.length)),
    finish: () => {
      openssl.Poly1305_Final(addressOf(context), addressOf(tag));
      return tag;
    },
  };
}

export function kernelMac(): MessageMac {
  const kernels = loadKernels();
  return {
    start: (oneTimeKey) => kernels.startPoly1305(oneTimeKey),
    update: (bytes) => kernels.updatePoly1305(bytes),
    finish: () => kernels.finishPoly1305(),
  };
}

/** The example of RFC 8439, section 2.5.2. */
const example = {
  key: Buffer.from('85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b', 'hex'),
  message: Buffer.from('Cryptographic Forum Research Group'),
  tag: Buffer.from('a8061dc1305136c6c22b8baf0c0127a9', 'hex'),
};

/** Whether it gives what it should: OpenSSL does not promise its functions to others. */
function isRight(mac: MessageMac): boolean {
  mac.start(example.key);
  mac.update(example.message);
  return example.tag.equals(mac.finish());
}

let loaded: MessageMac | undefined;

/** This thread's. */
export function messageMac(): MessageMac {
  if (loaded) return loaded;
  const openSsl = openSslMac();
  loaded = openSsl && isRight(openSsl) ? openSsl : kernelMac();
  return loaded;
}
