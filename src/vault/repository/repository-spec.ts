import { vaultError } from '../errors.ts';

/** A vault that keeps restore points in a repository of restic's format. */
export interface RepositoryVaultSpec {
  readonly type: 'repository';
  readonly password: string;
  /** The key that the password is tried on first: its id, or the beginning of it. In the store's order unless given. */
  readonly keyHint?: string | undefined;
  /** Make the repository where the store holds nothing yet. Default: true. */
  readonly create?: boolean | undefined;
  /** How hard to compress: zstd's levels are faster than restic's of the same name. Default: auto. */
  readonly compression?: 'auto' | 'max' | 'off' | undefined;
  /** The size a pack aims at, 4 to 128. Default: 16. */
  readonly packSizeMiB?: number | undefined;
  /**
   * The snapshot that tells what has not changed: its id, or the beginning of it. False: every file is read. The newest
   * of the same source on the same host unless given.
   */
  readonly parent?: string | false | undefined;
  /** File systems that change them by themselves: another inode number, or ctime, does not tell that a file has changed. */
  readonly ignoreInode?: boolean | undefined;
  readonly ignoreCtime?: boolean | undefined;
  /**
   * Entries come with their whole path below "/", as restic restores them, instead of relative to the root of what was
   * backed up. Default: false.
   */
  readonly wholePaths?: boolean | undefined;
}

/** vault/bad-options when the spec can't be. */
export function checkRepositorySpec({ password, packSizeMiB = 16 }: RepositoryVaultSpec): void {
  if (password === '') {
    throw vaultError('bad-options', {
      message: 'The password of the repository is empty.',
      hint: 'Give one; whoever loses it loses the backups.',
    });
  }
  if (!Number.isInteger(packSizeMiB) || packSizeMiB < 4 || packSizeMiB > 128) {
    throw vaultError('bad-options', {
      message: `A pack of ${packSizeMiB} MiB is no size that restic knows.`,
      hint: 'Give packSizeMiB as a whole number from 4 to 128.',
    });
  }
}
