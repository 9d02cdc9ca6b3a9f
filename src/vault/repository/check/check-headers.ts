import { forEachConcurrently } from '../../../base/concurrency.ts';
import { readRange } from '../reading/read-range.ts';
import type { Repository } from '../repository.ts';
import { compareWithIndex, readPackHeader } from '../threads/check-pack.ts';
import type { Findings } from './findings.ts';
import type { KnownPack } from './load-indexes.ts';
import { blobsOf, damagedPack } from './read-packs.ts';

/** So many headers are read at once. */
const headersAtOnce = 8;

/** Reads the headers of packs, by which a lost index can be made again, and compares them with the index. */
export async function checkHeaders(
  repository: Repository,
  packs: readonly KnownPack[],
  { findings, signal }: { readonly findings: Findings; readonly signal: AbortSignal },
): Promise<void> {
  const { store, key } = repository;
  await forEachConcurrently(packs, headersAtOnce, (pack) =>
    findings.during(signal, async () => {
      const blobs = blobsOf(repository, pack);
      const offset = blobs.reduce((sum, { length }) => sum + length, 0);
      const memory = Buffer.alloc(pack.sizeBytes - offset);
      await readRange(store, { packId: pack.id, offset, length: memory.length }, { memory, signal });
      const header = readPackHeader(key, memory);
      if ('problem' in header) findings.add(damagedPack(pack.id, header.problem));
      else for (const problem of compareWithIndex(header.blobs, blobs)) findings.add(damagedPack(pack.id, problem));
    }),
  );
}
