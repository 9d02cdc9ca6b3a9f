import { createHash } from 'node:crypto';
import { fileKey, type FileKind } from '../layout.ts';
import { readObject, type Repository } from '../repository.ts';

/** A file as it is stored: a pack with its seals, a key as JSON. One that is not what its name says is warned of. vault/missing-object. */
export async function loadStored(
  repository: Repository,
  kind: Extract<FileKind, 'data' | 'keys'>,
  id: string,
  signal?: AbortSignal,
): Promise<Buffer> {
  const key = fileKey(kind, id);
  const bytes = await readObject(repository.store, key, signal);
  if (createHash('sha256').update(bytes).digest('hex') !== id)
    repository.logger.warn('It is damaged: its name is not the hash of its bytes.', { key });
  return bytes;
}
