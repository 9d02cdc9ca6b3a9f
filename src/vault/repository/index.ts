/**
 * The repository vault: restic's repository format, version 2 (1 is read). What many restore points have in common is
 * stored once; `restic` itself reads, checks and restores what stands here.
 *
 * Nouns, which are restic's: a *blob* is a piece of content or a *tree* (one directory as JSON), named by its SHA-256. A
 * *pack* is a file of blobs, the *index* says which blob is where, a *snapshot* names the uppermost tree: it is the restore point.
 *
 * The way of a byte: entry → saving/ (slab → chunk → blob) → threads/ (hash, compress, seal) → pack → store; back:
 * snapshot → tree/ → pack → thread (open, decompress, check) → entry. format/ and crypto/ know bytes only, no store.
 *
 * Invariants: packs are durable before an index names them, indexes before a snapshot needs them; nothing is deleted without an exclusive
 * lock; what is read is checked against its name; a file is never changed, only written and deleted.
 */
export { RepositoryVault, type RepositoryVaultOptions } from './repository-vault.ts';
export type { RepositoryVaultSpec } from './repository-spec.ts';
