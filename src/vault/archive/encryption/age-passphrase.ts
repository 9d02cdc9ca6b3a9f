import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto';

import { type Identity, type Recipient, Stanza } from 'age-encryption';

/**
 * The scrypt recipient of age (https://c2sp.org/age, "The scrypt recipient type"). The library has it too, but computes
 * scrypt on the main thread; node:crypto does it in the thread pool.
 */
const label = 'age-encryption.org/v1/scrypt';
const saltBytes = 16;
const tagBytes = 16;
const fileKeyBytes = 16;

/** 128 MiB of memory for half a second: one step below the age program's own choice, to stay small on small machines. */
const workFactor = 17;

/** 1 GiB of memory; a header that asks for more is not one to trust. */
const highestWorkFactor = 20;

const zeroNonce = Buffer.alloc(12);

function wrapKey(passphrase: string, salt: Uint8Array, logN: number): Promise<Buffer> {
  const cost = 2 ** logN;
  const options = { N: cost, r: 8, p: 1, maxmem: 130 * 8 * cost + 1024 * 1024 };
  return new Promise((resolve, reject) => {
    scrypt(passphrase, Buffer.concat([Buffer.from(label), salt]), 32, options, (error, key) => {
      if (error) reject(error);
      else resolve(key);
    });
  });
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64').replaceAll('=', '');

export class PassphraseRecipient implements Recipient {
  private readonly passphrase: string;

  constructor(passphrase: string) {
    this.passphrase = passphrase;
  }

  async wrapFileKey(fileKey: Uint8Array): Promise<Stanza[]> {
    const salt = randomBytes(saltBytes);
    const key = await wrapKey(this.passphrase, salt, workFactor);
    const cipher = createCipheriv('chacha20-poly1305', key, zeroNonce, { authTagLength: tagBytes });
    const body = Buffer.concat([cipher.update(fileKey), cipher.final(), cipher.getAuthTag()]);
    return [new Stanza(['scrypt', base64(salt), String(workFactor)], body)];
  }
}

export class PassphraseIdentity implements Identity {
  private readonly passphrase: string;

  constructor(passphrase: string) {
    this.passphrase = passphrase;
  }

  async unwrapFileKey(stanzas: Stanza[]): Promise<Uint8Array | null> {
    const stanza = stanzas.find(({ args }) => args[0] === 'scrypt');
    if (stanza === undefined) return null;
    const salt = Buffer.from(stanza.args[1] ?? '', 'base64');
    const logN = Number(stanza.args[2]);
    const wellFormed =
      stanzas.length === 1 && salt.length === saltBytes && stanza.body.length === fileKeyBytes + tagBytes;
    if (!wellFormed || !/^[1-9][0-9]?$/.test(stanza.args[2] ?? '') || logN > highestWorkFactor) {
      throw new Error('invalid scrypt stanza');
    }
    const key = await wrapKey(this.passphrase, salt, logN);
    const decipher = createDecipheriv('chacha20-poly1305', key, zeroNonce, { authTagLength: tagBytes });
    decipher.setAuthTag(stanza.body.subarray(fileKeyBytes));
    try {
      return Buffer.concat([decipher.update(stanza.body.subarray(0, fileKeyBytes)), decipher.final()]);
    } catch {
      return null;
    }
  }
}
