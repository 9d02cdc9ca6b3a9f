import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { ObjectStore } from '../store/index.ts';
import { ArchiveVault, type ArchiveVaultSpec } from './archive/index.ts';
import type { Vault } from './vault.ts';

export type { AgeSpec, ArchiveVaultSpec, CompressionAlgorithm, EncryptionSpec, OpensslSpec } from './archive/index.ts';

/** What the configuration says of a vault, its store apart. */
export type VaultSpec = ArchiveVaultSpec;

export interface OpenVaultOptions {
  /** As the configuration names it. */
  readonly name: string;
  /** Where it stands; closed with the vault. */
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Makes the vault that a spec describes. Nothing is read or written yet. vault/bad-options when the spec is wrong. */
export function openVault(spec: VaultSpec, options: OpenVaultOptions): Vault {
  return new ArchiveVault(spec, options);
}
