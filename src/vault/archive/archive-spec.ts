import { registerSecret } from '../../base/secrets.ts';
import { vaultError } from '../errors.ts';

export type CompressionAlgorithm = 'gzip' | 'zstd' | 'none';

/** Encryption in the format of the `age` program. Recipients or a passphrase are needed to write, identities or the passphrase to read. */
export interface AgeSpec {
  readonly type: 'age';
  /** "age1…": who can read. */
  readonly recipients?: readonly string[];
  readonly passphrase?: string;
  /** "AGE-SECRET-KEY-1…". */
  readonly identities?: readonly string[];
}

/** Encryption as `openssl enc -aes-256-cbc -pbkdf2` does it. */
export interface OpensslSpec {
  readonly type: 'openssl';
  readonly passphrase: string;
}

export type EncryptionSpec = AgeSpec | OpensslSpec;

/** How an archive vault keeps restore points. */
export interface ArchiveVaultSpec {
  readonly type: 'archive';
  /** gzip at level 6 unless given; levels: gzip 1 to 9, zstd 1 to 19. */
  readonly compression?: { readonly algorithm: CompressionAlgorithm; readonly level?: number };
  readonly encryption?: EncryptionSpec;
  /** Key of an artefact without its extension; see layout.ts. */
  readonly layout?: string;
  /** IANA name of the zone of {date} and {time} in the layout; UTC unless given. */
  readonly timezone?: string;
  /** Retention counts and removes, too, what another program left under the names of this layout. */
  readonly pruneForeign?: boolean;
}

export interface Compression {
  readonly algorithm: CompressionAlgorithm;
  readonly level: number;
}

const levels = {
  gzip: { default: 6, highest: 9 },
  zstd: { default: 3, highest: 19 },
  none: { default: 0, highest: 0 },
} as const;

/** openssl's key derivation is fast, so a short passphrase would be guessed. */
const shortestPassphrase = 12;

/** The compression that a spec asks for, with its level. vault/bad-options when there is no such level. */
export function compressionOf(spec: ArchiveVaultSpec): Compression {
  const algorithm = spec.compression?.algorithm ?? 'gzip';
  const range = levels[algorithm];
  const level = spec.compression?.level ?? range.default;
  if (!Number.isInteger(level) || level < Math.min(1, range.highest) || level > range.highest) {
    throw vaultError('bad-options', {
      message: `Compression level ${level} does not exist for ${algorithm}.`,
      hint: range.highest === 0 ? 'Leave the level out.' : `Use a whole number from 1 to ${range.highest}.`,
    });
  }
  return { algorithm, level };
}

function checkPassphrase(passphrase: string): void {
  registerSecret(passphrase);
  if (passphrase.length >= shortestPassphrase) return;
  throw vaultError('bad-options', {
    message: `The passphrase has ${passphrase.length} characters; at least ${shortestPassphrase} are needed.`,
    hint: 'Make one with "openssl rand -base64 32" and keep a copy of it away from this machine.',
  });
}

function checkAge(spec: AgeSpec): void {
  const recipients = spec.recipients ?? [];
  const identities = spec.identities ?? [];
  for (const identity of identities) registerSecret(identity);
  if (spec.passphrase !== undefined) checkPassphrase(spec.passphrase);
  if (spec.passphrase !== undefined && recipients.length > 0) {
    throw vaultError('bad-options', {
      message: 'The age encryption has both a passphrase and recipients; the format allows only one of them.',
      hint: 'Remove the passphrase or the recipients.',
    });
  }
  if (spec.passphrase === undefined && recipients.length === 0 && identities.length === 0) {
    throw vaultError('bad-options', {
      message: 'The age encryption has neither recipients nor a passphrase.',
      hint: 'Make a key with age-keygen and set "recipients" to its public part (age1…).',
    });
  }
  for (const recipient of recipients) {
    if (/^age1[a-z0-9]+$/.test(recipient)) continue;
    throw vaultError('bad-options', {
      message: 'A recipient of the age encryption is not of the form "age1…".',
      hint: 'Set "recipients" to the public keys that age-keygen prints, and "identities" to the secret ones.',
    });
  }
}

/** Checks an encryption as far as it can be checked without using it, and remembers its secrets as such. */
export function checkEncryption(spec: EncryptionSpec | undefined): void {
  if (spec?.type === 'age') checkAge(spec);
  if (spec?.type === 'openssl') checkPassphrase(spec.passphrase);
}
