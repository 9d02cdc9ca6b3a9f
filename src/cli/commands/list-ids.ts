import type { CliContext } from '../context.ts';
import { type OpenedRepository, type RepositoryOptions, withRepository } from '../vaults/with-repository.ts';

/** What of a repository's own is listed, in restic's words. */
export const idKinds = ['blobs', 'packs', 'index', 'snapshots', 'keys', 'locks'] as const;

export type IdKind = (typeof idKinds)[number];

export const isIdKind = (word: string | undefined): word is IdKind => idKinds.some((kind) => kind === word);

/** Of a blob that is in several packs each place is told, as restic does. */
async function listBlobs({ repository }: OpenedRepository, { output, signal }: CliContext): Promise<void> {
  await repository.loadIndex(signal);
  const { index } = repository;
  for (let entry = 0; entry < index.blobCount; entry += 1) {
    const { type, id } = index.blobOf(entry);
    output.document({ type, id: id.toString('hex') });
    output.line(`${type} ${id.toString('hex')}`);
  }
}

/** Prints the whole ids of all files of a repository of one kind, or of all blobs with their types, a line each. */
export async function listIds(kind: IdKind, options: RepositoryOptions, context: CliContext): Promise<void> {
  await withRepository(options, context, async (opened) => {
    if (kind === 'blobs') return listBlobs(opened, context);
    const { output, signal } = context;
    for await (const file of opened.repository.list(kind === 'packs' ? 'data' : kind, signal)) {
      output.document(file);
      output.line(file.id);
    }
  });
}
