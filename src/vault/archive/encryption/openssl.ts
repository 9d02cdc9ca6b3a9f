import { createCipheriv, createDecipheriv, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

import type { OpensslSpec } from '../archive-spec.ts';
import { ByteReader } from '../byte-reader.ts';
import type { OpensslDescriptor } from './encryption-descriptor.ts';
import { sealBroken, wrongKey } from './key-errors.ts';
import type { Seal } from './seal.ts';

/**
 * The format of `openssl enc -aes-256-cbc -pbkdf2`: "Salted__", 8 bytes of salt, AES-256-CBC with PKCS#7 padding; key
 * and IV are 48 bytes of PBKDF2-HMAC-SHA256 after openssl's default of 10 000 rounds.
 */
const magic = Buffer.from('Salted__');
const saltBytes = 8;
const fileIterations = 10_000;

/** Ours alone has to resist guessing, so it is as slow as OWASP asks for PBKDF2-HMAC-SHA256. */
const integrityIterations = 600_000;

const derive = promisify(pbkdf2);

async function fileKey(passphrase: string, salt: Buffer, iterations: number): Promise<{ key: Buffer; iv: Buffer }> {
  const bytes = await derive(passphrase, salt, iterations, 48, 'sha256');
  return { key: bytes.subarray(0, 32), iv: bytes.subarray(32) };
}

const keyCheckOf = (key: Buffer): Buffer => createHmac('sha256', key).update('holdfast key check').digest();

async function integrityKey(
  passphrase: string,
  saltHex: string,
  iterations: number,
): Promise<{ key: Buffer; check: Buffer }> {
  const master = await derive(passphrase, Buffer.from(saltHex, 'hex'), iterations, 32, 'sha256');
  return { key: createHmac('sha256', master).update('holdfast integrity').digest(), check: keyCheckOf(master) };
}

/** Prepares an encryption that `openssl enc -d -aes-256-cbc -pbkdf2` undoes. */
export async function startOpensslSeal(spec: OpensslSpec): Promise<Seal> {
  const salt = randomBytes(saltBytes);
  const { key, iv } = await fileKey(spec.passphrase, salt, fileIterations);
  const integritySalt = randomBytes(16).toString('hex');
  const integrity = await integrityKey(spec.passphrase, integritySalt, integrityIterations);
  const hmac = createHmac('sha256', integrity.key);
  const signed = (bytes: Buffer): Buffer => {
    hmac.update(bytes);
    return bytes;
  };

  return {
    async *seal(chunks) {
      const cipher = createCipheriv('aes-256-cbc', key, iv);
      yield signed(Buffer.concat([magic, salt]));
      for await (const chunk of chunks) {
        const sealed = cipher.update(chunk);
        if (sealed.length > 0) yield signed(sealed);
      }
      yield signed(cipher.final());
    },
    descriptor: () => ({
      type: 'openssl',
      cipher: 'aes-256-cbc',
      kdf: { name: 'pbkdf2-hmac-sha256', iterations: fileIterations },
      integrity: {
        kdf: { name: 'pbkdf2-hmac-sha256', iterations: integrityIterations, saltHex: integritySalt },
        keyCheck: integrity.check.toString('hex'),
        hmacSha256: hmac.digest('hex'),
      },
    }),
  };
}

/**
 * Decrypts, and checks the passphrase before the first byte is read. What is yielded is proven only when the iteration
 * ends: the HMAC covers the whole. vault/wrong-key, vault/corrupt.
 */
export async function* openOpenssl(
  descriptor: OpensslDescriptor,
  passphrase: string,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const { kdf, keyCheck, hmacSha256 } = descriptor.integrity;
  const integrity = await integrityKey(passphrase, kdf.saltHex, kdf.iterations);
  if (!timingSafeEqual(integrity.check, Buffer.from(keyCheck, 'hex'))) throw wrongKey('openssl');

  const hmac = createHmac('sha256', integrity.key);
  const reader = new ByteReader(chunks);
  try {
    const header = await reader.upTo(magic.length + saltBytes);
    if (header.length < magic.length + saltBytes || !header.subarray(0, magic.length).equals(magic)) {
      throw sealBroken('it does not begin with "Salted__"');
    }
    hmac.update(header);
    const { key, iv } = await fileKey(passphrase, header.subarray(magic.length), descriptor.kdf.iterations);
    const decipher = createDecipheriv('aes-256-cbc', key, iv);
    for (let chunk = await reader.some(Infinity); chunk !== undefined; chunk = await reader.some(Infinity)) {
      hmac.update(chunk);
      const plain = decipher.update(chunk);
      if (plain.length > 0) yield plain;
    }
    if (!timingSafeEqual(hmac.digest(), Buffer.from(hmacSha256, 'hex'))) throw sealBroken('its HMAC does not match');
    const last = finish(() => decipher.final());
    if (last.length > 0) yield last;
  } finally {
    await reader.close();
  }
}

function finish(final: () => Buffer): Buffer {
  try {
    return final();
  } catch (error) {
    throw sealBroken('its padding is wrong', error);
  }
}
