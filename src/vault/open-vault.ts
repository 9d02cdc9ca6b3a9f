import { readFile } from 'node:fs/promises';
import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { registerSecret } from '../base/secrets.ts';
import type { ObjectStore } from '../store/index.ts';
import type { ArchiveVaultSpec } from './archive/index.ts';
import { vaultError } from './errors.ts';
import type { FileEvents } from './file-events.ts';
import type { MirrorVaultSpec } from './mirror/index.ts';
import type * as library from './repository/library.ts';
import type { RepositoryVaultSpec as UnlockedSpec } from './repository/index.ts';
import type { Vault } from './vault.ts';

export type { AgeSpec, ArchiveVaultSpec, CompressionAlgorithm, EncryptionSpec, OpensslSpec } from './archive/index.ts';
export type { MirrorVaultSpec } from './mirror/index.ts';

/** How a repository vault keeps restore points. One of the two passwords is given. */
export type RepositoryVaultSpec = Omit<UnlockedSpec, 'password'> & {
  readonly password?: string | undefined;
  /** A file that holds the password; read when the vault is opened. */
  readonly passwordFile?: string | undefined;
};

/** What the configuration says of a vault, its store apart. */
export type VaultSpec = ArchiveVaultSpec | MirrorVaultSpec | RepositoryVaultSpec;

export interface OpenVaultOptions {
  /** As the configuration names it. */
  readonly name: string;
  /** Where it stands; closed with the vault. */
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Told of each file by a vault that keeps files by themselves. */
  readonly events?: FileEvents;
  /** Where a repository's metadata is kept on this machine, so that it is fetched once; nowhere unless given. */
  readonly cacheDir?: string | undefined;
}

/** The password that a spec gives. vault/key-needed when it gives none, or its file can't be read. */
export async function repositoryPassword(spec: RepositoryVaultSpec): Promise<string> {
  if (spec.password !== undefined) return registerSecret(spec.password);
  if (spec.passwordFile === undefined)
    throw vaultError('key-needed', {
      message: 'The repository needs a password, and none is given.',
      hint: 'Give the vault a "password" or a "passwordFile".',
    });
  try {
    return registerSecret((await readFile(spec.passwordFile, 'utf8')).trim());
  } catch (error) {
    throw vaultError('key-needed', {
      message: `The password of the repository can't be read from ${spec.passwordFile}: ${messageOf(error)}.`,
      hint: 'Name a file that this user may read, and that holds the password alone.',
      cause: error,
    });
  }
}

/**
 * Makes the vault that a spec describes. Nothing of the store is read or written yet. Each kind is loaded when it is
 * asked for. vault/bad-options when the spec is wrong, vault/key-needed.
 */
export async function openVault(spec: VaultSpec, options: OpenVaultOptions): Promise<Vault> {
  if (spec.type === 'mirror') {
    const { MirrorVault } = await import('./mirror/index.ts');
    return new MirrorVault(spec, options);
  }
  if (spec.type === 'archive') {
    const { ArchiveVault } = await import('./archive/index.ts');
    return new ArchiveVault(spec, options);
  }
  const { passwordFile: _, ...rest } = spec;
  const password = await repositoryPassword(spec);
  const { RepositoryVault } = await import('./repository/index.ts');
  return new RepositoryVault({ ...rest, password }, options);
}

/** What is done to a repository as a whole (check, prune, copy, keys …): loaded when it is asked for. */
export const repositoryLibrary = (): Promise<typeof library> => import('./repository/library.ts');
