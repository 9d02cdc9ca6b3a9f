import type { NewRestorePoint } from '../vault.ts';
import { type ArchiveVaultSpec, compressionOf } from './archive-spec.ts';
import { sealExtension } from './encryption/encryption.ts';
import { artefactStem, defaultLayout, extensionOf } from './layout.ts';

const compressionExtension = { gzip: '.gz', zstd: '.zst', none: '' } as const;

/** The key of a restore point's artefact; `entryName` is the name of its one entry where the source is a file. */
export function artefactKey(spec: ArchiveVaultSpec, point: NewRestorePoint, entryName: Buffer): string {
  const stem = artefactStem(spec.layout ?? defaultLayout, point, spec.timezone);
  const extension = point.source.shape === 'tree' ? '.tar' : extensionOf(entryName);
  const sealed = spec.encryption ? sealExtension[spec.encryption.type] : '';
  return `${stem}${extension}${compressionExtension[compressionOf(spec).algorithm]}${sealed}`;
}
