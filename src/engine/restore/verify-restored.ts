import { hash } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { resolve } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { pathBelow, showPath, type SourceEntry } from '../../source/index.ts';
import type { ContentPiece, PiecedEntry } from '../../vault/index.ts';
import { compareFile, type ExpectedPart } from './compare-file.ts';
import type { RestoreToDirectory } from './restore-to-directory.ts';
import { selection } from './selection.ts';

export type VerifyRestored = Pick<
  RestoreToDirectory,
  'vault' | 'point' | 'targetDir' | 'include' | 'exclude' | 'signal' | 'onProblem' | 'onProgress'
>;

export interface VerifiedFiles {
  /** Files that hold what the restore point says; each name of a file counts. */
  readonly files: number;
  /** Bytes that were read back and are right. */
  readonly bytes: number;
}

const entriesPerTurn = 64;

/** What is expected comes with its bytes, or, where the vault names content by its hash, without them. */
async function* expectedEntries({ vault, point, signal }: VerifyRestored): AsyncGenerator<PiecedEntry> {
  if (vault.readPieces) yield* vault.readPieces(point, signal);
  else for await (const entry of vault.read(point, signal)) yield { entry };
}

const hashedParts = (pieces: readonly ContentPiece[]): readonly ExpectedPart[] =>
  pieces.map(({ sizeBytes, sha256 }) => ({ sizeBytes, matches: (bytes) => hash('sha256', bytes, 'hex') === sha256 }));

async function* contentParts(entry: SourceEntry, signal: AbortSignal): AsyncGenerator<ExpectedPart> {
  if (!entry.open) return;
  for await (const chunk of entry.open(signal))
    yield { sizeBytes: chunk.length, matches: (bytes) => bytes.equals(chunk) };
}

/** What is wrong with another name of a file. */
function linkDifference(location: Buffer, first: Buffer): string | undefined {
  const [name, named] = [location, first].map((path) => lstatSync(path, { bigint: true, throwIfNoEntry: false }));
  if (!name) return 'It is not there.';
  return name.ino === named?.ino && name.dev === named.dev ? undefined : 'It is not the same file as its other name.';
}

/**
 * Reads the files of a restore point back from where they were restored to and compares them with it. What differs is
 * told to `onProblem`, of the kind "content".
 */
export async function verifyRestored(restored: VerifyRestored): Promise<VerifiedFiles> {
  const { signal, onProblem, onProgress } = restored;
  const root = Buffer.from(resolve(restored.targetDir));
  const isSelected = selection(restored.include, restored.exclude);
  let done: VerifiedFiles = { files: 0, bytes: 0 };
  let seen = 0;
  for await (const { entry, pieces } of expectedEntries(restored)) {
    signal.throwIfAborted();
    seen += 1;
    if (seen % entriesPerTurn === 0) await nextTurn();
    if (entry.type !== 'file' || isSelected?.(entry) === false) continue;
    const location = pathBelow(root, entry.path);
    const difference = entry.hardLinkTo
      ? linkDifference(location, pathBelow(root, entry.hardLinkTo))
      : await compareFile(location, pieces ? hashedParts(pieces) : contentParts(entry, signal));
    if (difference === undefined) {
      const bytes = entry.hardLinkTo ? 0 : (entry.sizeBytes ?? lstatSync(location).size);
      done = { files: done.files + 1, bytes: done.bytes + bytes };
    } else onProblem({ path: showPath(entry.path), kind: 'content', message: difference });
    onProgress(done);
  }
  signal.throwIfAborted();
  return done;
}
