import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { ObjectStore } from '../store/index.ts';
import { ArchiveVault, type ArchiveVaultSpec } from './archive/index.ts';
import type { FileEvents } from './file-events.ts';
import { MirrorVault, type MirrorVaultSpec } from './mirror/index.ts';
import type { Vault } from './vault.ts';

export type { AgeSpec, ArchiveVaultSpec, CompressionAlgorithm, EncryptionSpec, OpensslSpec } from './archive/index.ts';
export type { MirrorVaultSpec } from './mirror/index.ts';

/** What the configuration says of a vault, its store apart. */
export type VaultSpec = ArchiveVaultSpec | MirrorVaultSpec;

export interface OpenVaultOptions {
  /** As the configuration names it. */
  readonly name: string;
  /** Where it stands; closed with the vault. */
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Told of each file by a vault that keeps files by themselves. */
  readonly events?: FileEvents;
}

/** Makes the vault that a spec describes. Nothing is read or written yet. vault/bad-options when the spec is wrong. */
export function openVault(spec: VaultSpec, options: OpenVaultOptions): Vault {
  return spec.type === 'mirror' ? new MirrorVault(spec, options) : new ArchiveVault(spec, options);
}
