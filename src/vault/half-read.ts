import { showPath } from '../source/index.ts';
import type { RestorePointFacts } from './restore-point-facts.ts';

const nothing = (): boolean => false;
const everything = (): boolean => true;

/**
 * Tells the files that a restore point has with zeros in the place of what could not be read. Their inode says nothing
 * of that: who goes by it would keep the zeros, and call them whole.
 */
export function halfReadOf(
  facts: Pick<RestorePointFacts, 'problems' | 'problemCounts'> | undefined,
): (path: Buffer) => boolean {
  const count = facts?.problemCounts['unreadable'] ?? 0;
  if (!facts || count === 0) return nothing;
  const told = facts.problems.filter(({ kind }) => kind === 'unreadable').map(({ path }) => path);
  if (told.length < count) return everything; // of very many, not all are told
  const paths = new Set(told);
  return (path) => paths.has(showPath(path));
}
