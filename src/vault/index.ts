/**
 * A vault keeps restore points in a store. Kinds: archive (one artefact per source and run, which ordinary tools open), mirror (each
 * file as a plain object, and a manifest), repository (restic's format: encrypted, each content stored once).
 * vault.ts says what each method promises, and testing/ holds the suite that every kind passes.
 *
 * Invariants: a restore point is listed only when all of it is stored and its manifest, written last, says so; the
 * store alone (and the key) is enough to find and restore everything; forgetting removes first what makes it visible.
 */
export { vaultError } from './errors.ts';
export type { FileEvents } from './file-events.ts';
export { findRestorePoint } from './find-restore-point.ts';
export {
  type AgeSpec,
  type ArchiveVaultSpec,
  type CompressionAlgorithm,
  type EncryptionSpec,
  type MirrorVaultSpec,
  openVault,
  type OpenVaultOptions,
  type OpensslSpec,
  repositoryLibrary,
  repositoryPassword,
  type RepositoryVaultSpec,
  type VaultSpec,
} from './open-vault.ts';
export { openTar, type TarOutput } from './open-tar.ts';
export type { PruneLimits, VaultPruneReport } from './prune-options.ts';
export { plannedKey } from './planned-key.ts';
export type * from './vault.ts';
