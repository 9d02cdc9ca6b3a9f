import type { EncryptionSpec } from '../archive-spec.ts';
import type { EncryptionDescriptor } from './encryption-descriptor.ts';
import { keyNeeded } from './key-errors.ts';
import { openOpenssl, startOpensslSeal } from './openssl.ts';
import type { Seal } from './seal.ts';

/** The extension that an encryption adds to a key. */
export const sealExtension = { age: '.age', openssl: '.enc' } as const;

/** Prepares to encrypt one artefact. vault/bad-options when the recipients are not valid. */
export async function startSeal(spec: EncryptionSpec): Promise<Seal> {
  if (spec.type === 'openssl') return startOpensslSeal(spec);
  // Loading age's cryptography takes longer than many a backup: only those who use it pay for it.
  const { startAgeSeal } = await import('./age.ts');
  return startAgeSeal(spec);
}

/**
 * Decrypts an artefact. A passphrase is tried on whatever was sealed with one: a vault whose encryption was changed
 * still reads what it wrote before. vault/key-needed when the vault has no key for it, vault/wrong-key before the
 * content is given when the key does not fit, vault/corrupt or vault/truncated when the bytes are not what was sealed.
 */
export async function* openSeal(
  descriptor: EncryptionDescriptor,
  spec: EncryptionSpec | undefined,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  if (!spec || !canOpen(descriptor, spec)) throw keyNeeded(descriptor.type);
  if (descriptor.type === 'openssl') yield* openOpenssl(descriptor, spec.passphrase ?? '', chunks);
  else {
    const { openAge } = await import('./age.ts');
    yield* openAge(spec, chunks);
  }
}

/** True when the vault holds something that may open the artefact. */
export function canOpen(descriptor: EncryptionDescriptor, spec: EncryptionSpec | undefined): boolean {
  if (spec?.passphrase !== undefined) return true;
  return descriptor.type === 'age' && spec?.type === 'age' && (spec.identities ?? []).length > 0;
}
