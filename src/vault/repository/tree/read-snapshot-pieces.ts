import type { ContentPiece, PiecedEntry } from '../../vault.ts';
import { missingBlob } from '../missing-blob.ts';
import type { Repository } from '../repository.ts';
import { type FreshRepository, loadAnew } from '../reading/load-anew.ts';
import { loadSnapshot, type ReadSnapshotOptions, SnapshotEntries } from './read-snapshot.ts';

/** A blob's name is the hash of its bytes. Throws vault/missing-object for one that no index knows. */
function pieceOf({ repository: { index }, plainSizes }: FreshRepository, sha256: string): ContentPiece {
  const entry = index.find('data', Buffer.from(sha256, 'hex'));
  if (entry < 0) throw missingBlob('data', sha256);
  return { sizeBytes: plainSizes.of(entry), sha256 };
}

/** The entries of a snapshot as Vault.readPieces promises them: trees and indexes are read, no content. */
export async function* readSnapshotPieces(
  known: Repository,
  snapshotId: string,
  options: ReadSnapshotOptions,
): AsyncGenerator<PiecedEntry> {
  const { signal } = options;
  const found = await loadSnapshot(known, snapshotId, signal);
  const fresh = await loadAnew(known, { signal });
  const entries = new SnapshotEntries(fresh.repository, found, options);
  for (let next = await entries.next(); next; next = await entries.next()) {
    const { entry, content } = next;
    yield content ? { entry, pieces: content.ids.map((id) => pieceOf(fresh, id)) } : { entry };
  }
}
