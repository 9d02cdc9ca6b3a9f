import { hasCode, HoldfastError } from '../base/errors.ts';
import { sourceError } from './errors.ts';
import type { ReadOptions, Source, SourceDetails, SourceEntry, SourceReading } from './source.ts';

/** A tree, or why it can't be read, and the folder of the joined tree that it becomes: "srv/app". */
export interface Branch {
  readonly folder: string;
  readonly source: Source | HoldfastError;
}

/** True for what is wrong with one folder and not with the others: it is not there, or may not be read. */
export function isAbsence(error: unknown): error is HoldfastError {
  return hasCode(error, 'source/not-found', 'source/access-denied');
}

const slash = Buffer.from('/');

const join = (folder: Buffer, path: Buffer): Buffer =>
  path.length === 0 ? folder : Buffer.concat([folder, slash, path]);

/** Folders that stand for no folder of the source: the root, and what leads to a branch. */
function bareFolder(path: string): SourceEntry {
  return { path: Buffer.from(path), type: 'directory', mode: 0o755, uid: 0, gid: 0, mtimeNs: 0n };
}

function compareFolders(a: string, b: string): number {
  const left = a.split('/');
  const right = b.split('/');
  for (const [index, segment] of left.entries()) {
    const other = right[index];
    if (other === undefined) return 1;
    const order = Buffer.compare(Buffer.from(segment), Buffer.from(other));
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

function checkFolders(branches: readonly Branch[]): void {
  for (const [index, { folder }] of branches.entries()) {
    const previous = branches[index - 1]?.folder;
    if (previous === undefined) continue;
    if (previous !== '' && folder !== previous && !folder.startsWith(`${previous}/`)) continue;
    throw sourceError('bad-address', {
      message:
        folder === previous
          ? `the folder "/${folder}" is named twice`
          : `"/${folder}" is inside "/${previous}", which is named too`,
      hint: 'Name each folder once; what is in it comes along',
    });
  }
}

/** The folders above `folder` that no earlier branch has brought: "srv", "srv/app". */
function foldersAbove(folder: string, seen: Set<string>): string[] {
  const segments = folder.split('/').slice(0, -1);
  const above = segments.map((_, index) => segments.slice(0, index + 1).join('/')).filter((path) => !seen.has(path));
  for (const path of above) seen.add(path);
  return above;
}

function moveEntry(entry: SourceEntry, folder: Buffer): SourceEntry {
  const { inPlace } = entry;
  return {
    ...entry,
    path: join(folder, entry.path),
    ...(entry.hardLinkTo && { hardLinkTo: join(folder, entry.hardLinkTo) }),
    ...(inPlace && {
      inPlace: { ...inPlace, again: async (use) => inPlace.again(async (found) => use(moveEntry(found, folder))) },
    }),
  };
}

/** The folders above a branch that no earlier one has brought, as they are where that is known. */
function leadingTo({ folder, source }: Branch, seen: Set<string>): SourceEntry[] {
  const above = source instanceof HoldfastError ? [] : (source.root?.above ?? []);
  const known = new Map(above.map((entry) => [entry.path.toString(), entry]));
  return foldersAbove(folder, seen).map((path) => known.get(path) ?? bareFolder(path));
}

/** The entries of one branch under its folder. One that can't even begin is told, and stands for what is unread. */
async function* readBranch({ folder, source }: Branch, options: ReadOptions, onDetails: OnDetails): Entries {
  const folderBytes = Buffer.from(folder);
  const { needs, onProblem } = options;
  let begun = false;
  try {
    if (source instanceof HoldfastError) throw source;
    const reading = source.read({
      ...options,
      ...(needs && { needs: (file) => needs({ ...file, path: join(folderBytes, file.path) }) }),
      onProblem: (problem) => onProblem({ ...problem, path: `${folder}/${problem.path}` }),
    });
    for await (const entry of reading.entries) {
      begun = true;
      yield moveEntry(entry, folderBytes);
    }
    onDetails(reading.details());
  } catch (error) {
    if (begun || !isAbsence(error)) throw error;
    const kind = error.code === 'source/not-found' ? 'vanished' : 'unreadable';
    onProblem({ path: folder, kind, message: error.message });
    yield { ...bareFolder(folder), unread: true };
  }
}

type Entries = AsyncGenerator<SourceEntry>;
type OnDetails = (details: SourceDetails) => void;

function readBranches(branches: readonly Branch[], options: ReadOptions): SourceReading {
  const details: SourceDetails[] = [];
  async function* entries(): Entries {
    yield bareFolder('');
    const seen = new Set<string>();
    for (const branch of branches) {
      yield* leadingTo(branch, seen);
      yield* readBranch(branch, options, (known) => details.push(known));
    }
  }
  return {
    entries: entries(),
    details: () => ({ notes: [...new Set(details.flatMap(({ notes }) => notes ?? []))] }),
  };
}

/**
 * Several trees as one source: each is a folder of the joined tree. Hard links between two of them become two files.
 * One that can't be read is a problem, unless it is so with all of them. Throws source/bad-address when a folder is named
 * twice or lies within another, and why the first can't be read when none can.
 */
export function joinTrees(name: string, branches: readonly Branch[]): Source {
  const sorted = [...branches].sort((a, b) => compareFolders(a.folder, b.folder));
  checkFolders(sorted);
  const sources = sorted.flatMap(({ source }) => (source instanceof HoldfastError ? [] : [source]));
  const absent = sorted.flatMap(({ source }) => (source instanceof HoldfastError ? [source] : []));
  const [first] = sources;
  if (!first) throw absent[0] ?? sourceError('bad-address', { message: 'no folder is named' });
  if (sorted[0]?.folder === '') return { ...first, name }; // "/" is the whole tree already
  return {
    type: 'directory',
    name,
    shape: 'tree',
    paths: branches.map(({ folder }) => `/${folder}`),
    root: { path: slash, above: [] },
    ...(absent.length > 0 ? { absent } : {}),
    estimate: async (signal) => {
      const counts = await Promise.all(sources.map(async (source) => source.estimate?.(signal)));
      return counts.reduce<{ files: number; bytes: number }>(
        (sum, count) => ({ files: sum.files + (count?.files ?? 0), bytes: sum.bytes + (count?.bytes ?? 0) }),
        { files: 0, bytes: 0 },
      );
    },
    read: (options) => readBranches(sorted, options),
  };
}
