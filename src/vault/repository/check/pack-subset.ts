import { randomInt } from 'node:crypto';
import { GiB, KiB, MiB } from '../../../base/bytes.ts';
import { vaultError } from '../../errors.ts';
import type { KnownPack } from './load-indexes.ts';

/** Which packs of a repository are read: the n-th of t parts, or so many by chance. */
export type PackSubset =
  | { readonly part: number; readonly of: number }
  | { readonly percent: number }
  | { readonly bytes: number };

const units: Readonly<Record<string, number>> = { '': 1, K: KiB, M: MiB, G: GiB, T: 1024 * GiB };

/** Reads what restic takes for --read-data-subset: "1/5", "2.5%", "500M". vault/bad-options. */
export function parsePackSubset(text: string): PackSubset {
  const [, part, of] = /^(\d+)\/(\d+)$/.exec(text) ?? [];
  if (part !== undefined && Number(part) >= 1 && Number(part) <= Number(of) && Number(of) <= 256)
    return { part: Number(part), of: Number(of) };
  const [, percent] = /^(\d+(?:\.\d+)?)%$/.exec(text) ?? [];
  if (percent !== undefined && Number(percent) > 0 && Number(percent) <= 100) return { percent: Number(percent) };
  const [, amount, unit = ''] = /^(\d+)([KMGT]?)$/i.exec(text) ?? [];
  if (amount !== undefined && Number(amount) > 0) return { bytes: Number(amount) * (units[unit.toUpperCase()] ?? 1) };
  throw vaultError('bad-options', {
    message: `"${text}" names no part of the packs.`,
    hint: 'Write "1/5" for the first fifth (up to 256 parts), "10%" or "500M" for so much by chance.',
  });
}

/** The packs of a subset. */
export function choosePacks(packs: readonly KnownPack[], subset: PackSubset): readonly KnownPack[] {
  if ('part' in subset)
    return packs.filter(({ id }) => Number.parseInt(id.slice(0, 2), 16) % subset.of === subset.part - 1);
  const total = packs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const share = 'percent' in subset ? subset.percent / 100 : Math.min(1, subset.bytes / Math.max(1, total));
  const count = packs.length === 0 ? 0 : Math.max(1, Math.floor(packs.length * share));
  const pool = [...packs];
  for (let at = 0; at < count; at += 1) {
    const other = randomInt(at, pool.length);
    [pool[at], pool[other]] = [pool[other] as KnownPack, pool[at] as KnownPack];
  }
  return pool.slice(0, count);
}
