import { MiB } from '../../../base/bytes.ts';
import type { VerifyFinding, VerifyOptions } from '../../vault.ts';
import { decodeSnapshot } from '../format/snapshot-file.ts';
import { BlobReader, type WantedBlob } from '../reading/blob-reader.ts';
import type { Repository } from '../repository.ts';
import { checkHeaders } from './check-headers.ts';
import { checkPacks } from './check-packs.ts';
import { TreeChecker } from './check-trees.ts';
import { Findings } from './findings.ts';
import { type CheckedIndex, checkOpening, loadIndexes } from './load-indexes.ts';
import { lookUndisturbed } from './look-undisturbed.ts';

/** So much may be on its way at once. */
const windowBytes = 24 * MiB;

/** What a snapshot needs of the repository. */
interface Needed {
  readonly packs: Set<number>;
  /** 1 for each data blob, by its entry. */
  readonly blobs: Uint8Array;
}

/** What is wrong with one restore point. Only failures of the store are thrown. */
export async function verifySnapshot(
  known: Repository,
  snapshotId: string,
  options: VerifyOptions,
): Promise<VerifyFinding[]> {
  const look = (): Promise<VerifyFinding[]> => verifyOnce(known, snapshotId, options);
  return lookUndisturbed(known, { look, findingsOf: (findings) => findings, signal: options.signal });
}

async function verifyOnce(
  known: Repository,
  snapshotId: string,
  { readData, signal, onBytes }: VerifyOptions,
): Promise<VerifyFinding[]> {
  const findings = new Findings();
  await checkOpening(known, [known.keyId], { findings, signal });
  const snapshot = await findings.during(signal, async () =>
    decodeSnapshot(await known.loadFile('snapshots', snapshotId, signal)),
  );
  const index = await loadIndexes(known, findings, signal);
  if (!snapshot) return findings.all();
  const needed: Needed = { packs: new Set(), blobs: new Uint8Array(index.repository.index.blobCount) };
  const trees = new TreeChecker(index.repository, findings, signal);
  await trees.check(snapshot.tree, {
    signal,
    owner: `the snapshot ${snapshotId.slice(0, 8)}`,
    onTree: (entry) => void needed.packs.add(index.repository.index.packOf(entry)),
    onFile: (entries) => {
      for (const entry of entries) needed.blobs[entry] = 1;
    },
  });
  for (const [entry, isNeeded] of needed.blobs.entries())
    if (isNeeded === 1) needed.packs.add(index.repository.index.packOf(entry));
  const { present } = await checkPacks(index, findings, { signal, wanted: needed.packs });
  if (readData) {
    await checkHeaders(index.repository, present, { findings, signal });
    await readBlobs(index, needed, { findings, signal, onBytes });
  }
  return findings.all();
}

interface ReadBlobsOptions {
  readonly findings: Findings;
  readonly signal: AbortSignal;
  readonly onBytes: VerifyOptions['onBytes'];
}

/** Reads all data blobs that are needed, in the order of the packs. */
async function readBlobs(
  { repository }: CheckedIndex,
  { blobs }: Needed,
  { findings, signal, onBytes }: ReadBlobsOptions,
): Promise<void> {
  const { index } = repository;
  const reader = new BlobReader(repository, signal);
  const waiting: WantedBlob[] = [];
  const takeOne = async (): Promise<void> => {
    const blob = waiting.shift() as WantedBlob;
    await findings.during(signal, async () => {
      const bytes = await reader.take(blob);
      onBytes?.(bytes.length);
    });
    reader.drop(blob);
  };
  try {
    for (const [entry, isNeeded] of blobs.entries()) {
      if (isNeeded !== 1) continue;
      const { id, length } = index.blobOf(entry);
      waiting.push(reader.want(id.toString('hex'), length));
      while (reader.waitingBytes > windowBytes) await takeOne();
    }
    while (waiting.length > 0) await takeOne();
  } finally {
    await reader.close();
  }
}
