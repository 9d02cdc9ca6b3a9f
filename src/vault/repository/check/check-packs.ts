import { fileKey } from '../layout.ts';
import type { Findings } from './findings.ts';
import type { CheckedIndex, KnownPack } from './load-indexes.ts';

export interface PresentPacks {
  /** Packs that are there, of the right size or not. */
  readonly present: readonly KnownPack[];
  /** Packs that no index knows. */
  readonly orphans: readonly string[];
}

/** Compares the packs that an index knows with those that are there; only `wanted` ones, where that is given. */
export async function checkPacks(
  { repository, packs }: CheckedIndex,
  findings: Findings,
  { signal, wanted }: { readonly signal: AbortSignal; readonly wanted?: ReadonlySet<number> },
): Promise<PresentPacks> {
  const missing = new Map([...packs].filter(([, { number }]) => !wanted || wanted.has(number)));
  const present: KnownPack[] = [];
  const orphans: string[] = [];
  for await (const { id, sizeBytes } of repository.list('data', signal)) {
    const pack = missing.get(id);
    if (!pack) {
      if (!packs.has(id)) orphans.push(id);
      continue;
    }
    missing.delete(id);
    present.push(pack);
    if (sizeBytes !== pack.sizeBytes) findings.add(wrongSize(pack, sizeBytes));
  }
  for (const { id } of missing.values()) findings.add(missingPack(id));
  return { present, orphans };
}

const wrongSize = ({ id, sizeBytes }: KnownPack, found: number) => ({
  code: found < sizeBytes ? 'vault/truncated' : 'vault/wrong-size',
  message:
    `The pack "${fileKey('data', id)}" has ${found} bytes, where the index says ${sizeBytes}. Put it back from a copy; ` +
    `else "holdfast repair packs" saves what is left of it.`,
});

const missingPack = (id: string) => ({
  code: 'vault/missing-object',
  message:
    `The pack "${fileKey('data', id)}" is missing. Put it back from a copy; else "holdfast repair index" forgets it, and ` +
    `then "holdfast check" names what is lost.`,
});
