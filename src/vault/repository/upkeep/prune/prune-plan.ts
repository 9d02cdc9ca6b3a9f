import { MiB } from '../../../../base/bytes.ts';
import { vaultError } from '../../../errors.ts';
import type { MaxUnused, PruneLimits } from '../../../prune-options.ts';
import { fileKey } from '../../layout.ts';
import { type BlobChoice, type PackCounts, packKinds } from './count-packs.ts';
import type { FreshRepository } from '../../reading/load-anew.ts';

/** restic's smallest pack. */
const smallestPackBytes = 4 * MiB;
/** With fewer small packs than this it is not worth the trouble. */
const fewSmallPacks = 10;

/** What is to be done with the packs. */
export interface PrunePlan {
  /** Names of packs that no index has. */
  readonly orphans: readonly string[];
  readonly orphanBytes: number;
  /** Numbers of packs in the index: nothing in them is needed. */
  readonly remove: readonly number[];
  readonly repack: readonly number[];
  /** Packs that the index has and the store has not, of which nothing is needed. */
  readonly forget: readonly number[];
  /** How many packs stay as they are; how many of all are needed whole, in parts, and not at all. */
  readonly keep: number;
  readonly usedPacks: number;
  readonly partlyUsedPacks: number;
  readonly unusedPacks: number;
}

interface Candidate {
  readonly pack: number;
  readonly isData: boolean;
  readonly mustCompress: boolean;
  readonly usedBytes: number;
  readonly unusedBytes: number;
}

/** The unused bytes that may stay, beside `usedBytes` that are needed. */
export function mayStayUnused(maxUnused: MaxUnused, usedBytes: number): number {
  if (maxUnused === 'unlimited') return Infinity;
  if (typeof maxUnused === 'number') return maxUnused;
  const percent = Number(maxUnused.slice(0, -1));
  if (!(percent >= 0 && percent <= 100))
    throw vaultError('bad-options', {
      message: `"${maxUnused}" is no share of a repository.`,
      hint: 'Give a percentage from 0% to 100%, a size, or "unlimited".',
    });
  return percent === 100 ? Infinity : (percent * usedBytes) / (100 - percent);
}

/** Decides on each pack, by restic's rules. Throws when a pack that is needed is missing or has another size: then nothing may be done. */
export async function planPrune(
  { repository, packs }: FreshRepository,
  choice: BlobChoice,
  options: PruneLimits & { readonly signal: AbortSignal },
): Promise<PrunePlan> {
  const { counts } = choice;
  const { signal, packSizeBytes = 16 * MiB, repackSmall = false } = options;
  const missing = new Map(packs);
  const orphans: string[] = [];
  let orphanBytes = 0;
  const present: number[] = [];
  for await (const { id, sizeBytes } of repository.list('data', signal)) {
    const pack = missing.get(id);
    if (pack === undefined) {
      orphans.push(id);
      orphanBytes += sizeBytes;
      continue;
    }
    missing.delete(id);
    const expected = (counts.usedBytes[pack] ?? 0) + (counts.unusedBytes[pack] ?? 0);
    if (expected !== sizeBytes && (counts.usedBlobs[pack] ?? 0) > 0) throw wrongSize(id, sizeBytes, expected);
    present.push(pack);
  }
  for (const [id, pack] of missing) if ((counts.usedBlobs[pack] ?? 0) > 0) throw missingPack(id);
  const isUsed = (pack: number): boolean => (counts.usedBlobs[pack] ?? 0) > 0;
  const isWhole = (pack: number): boolean => isUsed(pack) && counts.unusedBlobs[pack] === 0;
  const targetBytes = repackSmall ? (packSizeBytes * 4) / 5 : usualBytes(choice);
  const candidates = candidatesOf(present.filter(isUsed), choice, {
    ...options,
    targetBytes,
    version: repository.config.version,
  });
  const repack = chooseRepack(candidates, choice, { ...options, targetBytes });
  return {
    orphans,
    orphanBytes,
    remove: present.filter((pack) => !isUsed(pack)),
    repack,
    forget: [...missing.values()],
    keep: present.filter(isUsed).length - repack.length,
    usedPacks: present.filter(isWhole).length,
    partlyUsedPacks: present.filter((pack) => isUsed(pack) && !isWhole(pack)).length,
    unusedPacks: present.filter((pack) => !isUsed(pack)).length,
  };
}

/** 80 % of the size that all packs but the smallest 3 % exceed: such as are smaller are small here. */
function usualBytes({ counts: { usedBytes, unusedBytes } }: BlobChoice): number {
  const sizes = usedBytes.map((bytes, pack) => bytes + (unusedBytes[pack] ?? 0)).sort();
  return (Math.max(smallestPackBytes, sizes[Math.floor(sizes.length * 0.03)] ?? 0) * 4) / 5;
}

interface Limits extends PruneLimits {
  readonly targetBytes: number;
}

const isMixedPack = (kinds: number): boolean => (kinds & packKinds.tree) !== 0 && (kinds & packKinds.data) !== 0;

function candidateOf(
  pack: number,
  counts: PackCounts,
  { repackUncompressed = false, version }: PruneLimits & { readonly version: 1 | 2 },
): Candidate {
  const kinds = counts.kinds[pack] ?? 0;
  const uncompressed = version > 1 && (kinds & packKinds.uncompressed) !== 0;
  const isOnlyTrees = (kinds & packKinds.data) === 0;
  return {
    pack,
    isData: (kinds & packKinds.tree) === 0,
    mustCompress: uncompressed && (isOnlyTrees || repackUncompressed),
    usedBytes: counts.usedBytes[pack] ?? 0,
    unusedBytes: counts.unusedBytes[pack] ?? 0,
  };
}

/** The packs that may be repacked, those first that bring most. */
function candidatesOf(
  usedPacks: readonly number[],
  { counts }: BlobChoice,
  options: Limits & { readonly version: 1 | 2 },
): Candidate[] {
  const { targetBytes } = options;
  const chosen: Candidate[] = [];
  const small: Candidate[] = [];
  for (const pack of usedPacks) {
    const candidate = candidateOf(pack, counts, options);
    const isMixed = isMixedPack(counts.kinds[pack] ?? 0);
    if (options.repackCacheableOnly === true && candidate.isData) continue;
    if ((counts.unusedBlobs[pack] ?? 0) > 0 || isMixed || candidate.mustCompress) chosen.push(candidate);
    else if (candidate.usedBytes < targetBytes) small.push(candidate);
  }
  if (small.length >= fewSmallPacks) chosen.push(...small);
  const isSmall = ({ usedBytes, unusedBytes }: Candidate): boolean => usedBytes + unusedBytes < targetBytes;
  const share = ({ usedBytes, unusedBytes }: Candidate): number => unusedBytes / usedBytes;
  return chosen.sort(
    (a, b) => Number(a.isData) - Number(b.isData) || Number(isSmall(b)) - Number(isSmall(a)) || share(b) - share(a),
  );
}

/** Takes candidates until what is unused is little enough. */
function chooseRepack(candidates: readonly Candidate[], { counts }: BlobChoice, options: Limits): number[] {
  const { maxUnused = '5%', maxRepackBytes = Infinity, targetBytes } = options;
  let usedBytes = 0;
  let unusedLeft = 0;
  for (const [pack, used] of counts.usedBlobs.entries()) {
    if (used === 0) continue;
    usedBytes += counts.usedBytes[pack] ?? 0;
    unusedLeft += counts.unusedBytes[pack] ?? 0;
  }
  const mostUnused = mayStayUnused(maxUnused, usedBytes);
  const repack: number[] = [];
  let repackBytes = 0;
  for (const { pack, isData, mustCompress, usedBytes: used, unusedBytes } of candidates) {
    const sizeBytes = used + unusedBytes;
    if (repackBytes + sizeBytes > maxRepackBytes) continue;
    if (isData && !mustCompress && unusedLeft <= mostUnused && sizeBytes >= targetBytes) continue;
    repack.push(pack);
    repackBytes += sizeBytes;
    unusedLeft -= unusedBytes;
  }
  return repack;
}

const wrongSize = (id: string, found: number, expected: number): Error =>
  vaultError(found < expected ? 'truncated' : 'wrong-size', {
    message: `The pack "${fileKey('data', id)}" has ${found} bytes, where the index says ${expected}. Nothing was deleted.`,
    hint: 'Put it back from a copy; else run "holdfast repair index", and "holdfast repair packs" for what that says is damaged.',
    context: { pack: id },
  });

const missingPack = (id: string): Error =>
  vaultError('missing-object', {
    message: `The pack "${fileKey('data', id)}" is missing, and snapshots need it. Nothing was deleted.`,
    hint: 'Put it back from a copy; else run "holdfast repair index", and then "holdfast repair snapshots".',
    context: { pack: id },
  });
