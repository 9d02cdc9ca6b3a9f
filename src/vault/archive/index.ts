/**
 * The archive vault: each restore point is one object that ordinary programs open (`tar`, `gunzip`, `zstd`, `age`,
 * `openssl`), with `<key>.manifest.json` beside it and, while it is written, `<key>.pending.json`.
 *
 * The way of a byte: entry → tar/ (a tree) → blocks → compression/ (independent frames, in the thread pool) →
 * encryption/ → the store; reading goes the same way back.
 *
 * Invariants: the manifest is written last and never replaces one; an artefact is never overwritten; nothing is deleted
 * that has no manifest or marker of ours; what is read is hashed and compared with the manifest before reading ends.
 */
export type { AgeSpec, ArchiveVaultSpec, CompressionAlgorithm, EncryptionSpec, OpensslSpec } from './archive-spec.ts';
export { ArchiveVault, type ArchiveVaultOptions } from './archive-vault.ts';
