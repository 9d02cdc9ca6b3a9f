import { availableParallelism } from 'node:os';
import { MiB } from '../../../base/bytes.ts';
import { forEachConcurrently } from '../../../base/concurrency.ts';
import type { VerifyFinding } from '../../vault.ts';
import type { PackedBlob } from '../format/pack-header.ts';
import { fileKey } from '../layout.ts';
import { readRange } from '../reading/read-range.ts';
import { SealedMemory } from '../reading/sealed-memory.ts';
import type { Repository } from '../repository.ts';
import { startReadingPool } from '../threads/reading-pool.ts';
import type { Findings } from './findings.ts';
import type { KnownPack } from './load-indexes.ts';

/** Packs are about so large; of larger ones each needs memory of its own. */
const usualPackBytes = 18 * MiB;
/** One is read while each thread has one. */
const packsAtOnce: number = availableParallelism() + 1;

/** All that the index has of a pack; it keeps whether a blob is compressed, not its size. */
export function blobsOf({ index }: Repository, { number }: KnownPack): PackedBlob[] {
  const { from, to } = index.entriesOf(number);
  return Array.from({ length: to - from }, (_, at) => {
    const { offset, compressed } = index.place(from + at);
    const { type, id, length } = index.blobOf(from + at);
    return { type, id: id.toString('hex'), offset, length, ...(compressed && { rawLength: 0 }) };
  });
}

/** Reads whole packs and checks them: name, header, index, every blob. */
export async function readPacks(
  repository: Repository,
  packs: readonly KnownPack[],
  {
    findings,
    signal,
    onPack,
  }: { readonly findings: Findings; readonly signal: AbortSignal; readonly onPack?: (sizeBytes: number) => void },
): Promise<void> {
  const pool = startReadingPool(repository);
  const memory = new SealedMemory(packsAtOnce, usualPackBytes);
  try {
    await forEachConcurrently(packs, packsAtOnce, async (pack) => {
      const { id, sizeBytes } = pack;
      await findings.during(signal, async () => {
        const problems = await memory.use(sizeBytes, async (bytes) => {
          await readRange(repository.store, { packId: id, offset: 0, length: sizeBytes }, { memory: bytes, signal });
          return pool.run({ op: 'check-pack', pack: bytes, id, blobs: blobsOf(repository, pack) });
        });
        for (const problem of problems) findings.add(damagedPack(id, problem));
      });
      onPack?.(sizeBytes);
    });
  } finally {
    await pool.close();
  }
}

export const damagedPack = (id: string, problem: string): VerifyFinding => ({
  code: 'vault/corrupt',
  message:
    `The pack "${fileKey('data', id)}" is damaged: ${problem}. Put it back from a copy; else "holdfast repair packs" saves ` +
    `what is left of it.`,
});
