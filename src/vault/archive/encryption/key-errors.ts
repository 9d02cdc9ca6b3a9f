import { vaultError } from '../../errors.ts';
import type { EncryptionDescriptor } from './encryption-descriptor.ts';

const remedies = {
  age: 'Give the vault "identities" (AGE-SECRET-KEY-1…) or the passphrase that it was written with.',
  openssl: 'Give the vault the openssl passphrase that it was written with.',
} as const;

/** The vault is not able to read what it wrote: it has only public keys, or another kind of encryption. */
export const keyNeeded = (type: EncryptionDescriptor['type']): Error =>
  vaultError('key-needed', {
    message: `The restore point is encrypted with ${type}, and this vault has no key to read it.`,
    hint: remedies[type],
  });

export const wrongKey = (type: EncryptionDescriptor['type'], cause?: unknown): Error =>
  vaultError('wrong-key', {
    message: `The restore point is encrypted with ${type}, and the vault's key does not open it.`,
    hint: remedies[type],
    ...(cause === undefined ? {} : { cause }),
  });

export const sealBroken = (detail: string, cause?: unknown): Error =>
  vaultError('corrupt', {
    message: `The encrypted content is damaged: ${detail}.`,
    hint: 'Restore another restore point; this one can not be read past the damage.',
    ...(cause === undefined ? {} : { cause }),
  });
