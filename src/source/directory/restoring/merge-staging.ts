import type { BigIntStats } from 'node:fs';
import { chmodSync, lstatSync, readdirSync, renameSync, unlinkSync } from 'node:fs';
import { systemCode } from '../../../base/errors.ts';
import { sourceError } from '../../errors.ts';
import { joinPath, pathBelow, showPath } from '../paths.ts';

export type Overwrite = 'never' | 'always' | 'if-changed';

/** What has to be done to give staged files their final names. Paths are relative to both trees. */
export interface MergePlan {
  /** Renames into place, a directory with all that is in it; `replaces` what has the name now. */
  readonly moves: readonly { readonly path: Buffer; readonly replaces: boolean }[];
  /** Directories that exist on both sides: what is in them is moved one by one. */
  readonly merged: readonly Buffer[];
  /** Files that are there already with the same size, time and mode. */
  readonly unchanged: readonly Buffer[];
}

const namesTold = 3;

function lstatOrNothing(location: Buffer): BigIntStats | undefined {
  try {
    return lstatSync(location, { bigint: true });
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function isSame(staged: BigIntStats, final: BigIntStats): boolean {
  const sameType = (staged.mode & 0o170000n) === (final.mode & 0o170000n);
  return sameType && staged.size === final.size && staged.mtimeNs === final.mtimeNs && staged.rdev === final.rdev;
}

function existsError(target: string, blocked: readonly Buffer[], overwrite: Overwrite): Error {
  const names = blocked.slice(0, namesTold).map(showPath).join(', ');
  const more = blocked.length > namesTold ? ', …' : '';
  const kind = overwrite === 'never' ? 'entries exist' : 'directories stand where a file would be restored';
  return sourceError('target-exists', {
    message: `${blocked.length} ${kind} in ${target} already: ${names}${more}. Nothing was changed.`,
    hint:
      overwrite === 'never'
        ? 'Restore into another directory, or replace what is there with --overwrite always (or if-changed).'
        : 'Move them away, or restore into another directory.',
    context: { target, count: blocked.length },
  });
}

/** Compares a staged tree with the target, changing nothing. Throws source/target-exists when `overwrite` forbids it. */
export function planMerge(staging: Buffer, target: Buffer, overwrite: Overwrite): MergePlan {
  const moves: { path: Buffer; replaces: boolean }[] = [];
  const merged: Buffer[] = [];
  const unchanged: Buffer[] = [];
  const blocked: Buffer[] = [];

  const planEntry = (path: Buffer): void => {
    const staged = lstatSync(pathBelow(staging, path), { bigint: true });
    const final = lstatOrNothing(pathBelow(target, path));
    if (!final) moves.push({ path, replaces: false });
    else if (staged.isDirectory() && final.isDirectory()) planDirectory(path);
    else if (overwrite === 'never' || final.isDirectory()) blocked.push(path);
    else if (overwrite === 'if-changed' && isSame(staged, final)) unchanged.push(path);
    else moves.push({ path, replaces: true });
  };
  const planDirectory = (path: Buffer): void => {
    merged.push(path);
    for (const name of readdirSync(pathBelow(staging, path), { encoding: 'buffer' })) planEntry(joinPath(path, name));
  };
  planDirectory(Buffer.alloc(0));
  if (blocked.length > 0) throw existsError(target.toString(), blocked, overwrite);
  return { moves, merged, unchanged };
}

/** Moving a directory writes its "..": its owner needs the right to write for that moment, whatever its mode. */
function renameDirectory(from: Buffer, to: Buffer, mode: number): void {
  const blockedByMode = (mode & 0o200) === 0 && process.geteuid?.() !== 0;
  if (blockedByMode) chmodSync(from, mode | 0o200);
  renameSync(from, to);
  if (blockedByMode) chmodSync(to, mode);
}

function move(from: Buffer, to: Buffer, replaces: boolean): void {
  const staged = lstatSync(from);
  if (!staged.isDirectory()) {
    // rename() would silently replace what came between plan and move.
    if (!replaces && lstatOrNothing(to)) throw Object.assign(new Error(`EEXIST: ${to.toString()}`), { code: 'EEXIST' });
    renameSync(from, to);
    return;
  }
  if (replaces) unlinkSync(to);
  renameDirectory(from, to, staged.mode & 0o7777);
}

/** Gives staged files their final names, by renames within one file system. Throws naming how far it came. */
export function carryOut(plan: MergePlan, staging: Buffer, target: Buffer): void {
  for (const [index, { path, replaces }] of plan.moves.entries()) {
    try {
      move(pathBelow(staging, path), pathBelow(target, path), replaces);
    } catch (error) {
      throw sourceError('restore-failed', {
        message:
          `${showPath(path)} could not be moved into place in ${target.toString()}; ` +
          `${index} of ${plan.moves.length} items had been.`,
        hint: 'Find out who else writes there, then restore again with overwriting allowed (if-changed).',
        cause: error,
      });
    }
  }
}
