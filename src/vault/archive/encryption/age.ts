import { Decrypter, Encrypter } from 'age-encryption';

import { messageOf } from '../../../base/errors.ts';
import { vaultError } from '../../errors.ts';
import type { AgeSpec } from '../archive-spec.ts';
import { ByteReader } from '../byte-reader.ts';
import { PassphraseIdentity, PassphraseRecipient } from './age-passphrase.ts';
import { nonceBytes, openPayload, sealPayload } from './age-payload.ts';
import { keyNeeded, sealBroken, wrongKey } from './key-errors.ts';
import type { Seal } from './seal.ts';

/** A chunk's tag: what the library seals an empty payload to. */
const emptyPayloadBytes = 16;

const largestHeaderBytes = 1024 * 1024;

/**
 * The header that wraps a new file key for the spec's recipients, and that key. The library writes the header; the
 * payload is ours because node:crypto is several times faster at it.
 */
async function newHeader(spec: AgeSpec): Promise<{ header: Uint8Array; fileKey: Uint8Array }> {
  let fileKey = new Uint8Array(0);
  try {
    const encrypter = new Encrypter();
    for (const recipient of spec.recipients ?? []) encrypter.addRecipient(recipient);
    if (spec.passphrase !== undefined) encrypter.addRecipient(new PassphraseRecipient(spec.passphrase));
    encrypter.addRecipient({
      wrapFileKey(key) {
        fileKey = key.slice();
        return [];
      },
    });
    const sealed = await encrypter.encrypt(new Uint8Array(0));
    return { header: sealed.subarray(0, sealed.length - nonceBytes - emptyPayloadBytes), fileKey };
  } catch (error) {
    throw vaultError('bad-options', {
      message: `A recipient of the age encryption can not be used: ${messageOf(error)}.`,
      hint: 'Copy the public key (age1…) again from the output of age-keygen.',
      cause: error,
    });
  }
}

/** Prepares an encryption that `age -d` undoes. */
export async function startAgeSeal(spec: AgeSpec): Promise<Seal> {
  if (spec.passphrase === undefined && (spec.recipients ?? []).length === 0) {
    throw vaultError('bad-options', {
      message: 'The vault has age identities but neither recipients nor a passphrase, so that it can only be read.',
      hint: 'Set "recipients" to the public keys (age1…).',
    });
  }
  const { header, fileKey } = await newHeader(spec);
  return {
    async *seal(chunks) {
      yield header;
      yield* sealPayload(chunks, fileKey);
    },
    descriptor: () => ({ type: 'age', ...(spec.recipients ? { recipients: [...spec.recipients] } : {}) }),
  };
}

/** Reads up to the end of the header: the line that begins with "---". */
async function readHeader(reader: ByteReader): Promise<Buffer> {
  const lines: Buffer[] = [];
  let line: number[] = [];
  let size = 0;
  for (;;) {
    const [byte] = await reader.upTo(1);
    size += 1;
    if (byte === undefined || size > largestHeaderBytes) throw sealBroken('its age header does not end');
    line.push(byte);
    if (byte !== 0x0a) continue;
    const bytes = Buffer.from(line);
    lines.push(bytes);
    line = [];
    if (bytes.subarray(0, 4).equals(Buffer.from('--- '))) return Buffer.concat(lines);
    if (lines.length === 1 && bytes.toString('latin1') !== 'age-encryption.org/v1\n') {
      throw sealBroken('it does not begin as an age file');
    }
  }
}

/** What may open an age file. */
export type AgeKeys = Pick<AgeSpec, 'passphrase' | 'identities'>;

async function unwrapFileKey(keys: AgeKeys, header: Buffer): Promise<Uint8Array> {
  const decrypter = new Decrypter();
  try {
    for (const identity of keys.identities ?? []) decrypter.addIdentity(identity);
  } catch (error) {
    throw vaultError('bad-options', {
      message: `An age identity can not be used: ${messageOf(error)}.`,
      hint: 'Copy the secret key (AGE-SECRET-KEY-1…) again from the file that age-keygen made.',
      cause: error,
    });
  }
  if (keys.passphrase !== undefined) decrypter.addIdentity(new PassphraseIdentity(keys.passphrase));
  try {
    return await decrypter.decryptHeader(header);
  } catch (error) {
    if (messageOf(error).startsWith('no identity matched')) throw wrongKey('age', error);
    throw sealBroken(`its age header is not valid (${messageOf(error)})`, error);
  }
}

/** Decrypts what this vault or the `age` program wrote. vault/key-needed, vault/wrong-key, vault/corrupt. */
export async function* openAge(keys: AgeKeys, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (keys.passphrase === undefined && (keys.identities ?? []).length === 0) throw keyNeeded('age');
  const reader = new ByteReader(chunks);
  try {
    const fileKey = await unwrapFileKey(keys, await readHeader(reader));
    yield* openPayload(reader, fileKey);
  } finally {
    await reader.close();
  }
}
