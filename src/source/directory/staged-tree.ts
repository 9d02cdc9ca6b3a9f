import { chmodSync, linkSync, mkdirSync, symlinkSync } from 'node:fs';
import { messageOf, systemCode } from '../../base/errors.ts';
import { joinDevice } from '../device-number.ts';
import { sourceError } from '../errors.ts';
import type { SourceEntry } from '../source.ts';
import type { Metadata, MetadataWriter } from './apply-metadata.ts';
import { findNativeFs, nativeFsRemedy } from './native-fs.ts';
import { parentPath, pathBelow, showPath } from './paths.ts';
import type { ReportRestoreProblem } from './restore-problem.ts';
import { writeFile } from './write-file.ts';

/** Of a directory that leads to an entry and is none itself. */
export const modeOfUnknown = 0o755;

const typeBits = { fifo: 0o010000, chardev: 0o020000, blockdev: 0o060000 };

/** Throws source/unsafe-path for a path that leaves the target, or could: absolute, with "..", ".", "" or NUL in it. */
export function assertSafePath(path: Buffer): void {
  if (path.length === 0) return;
  const segments = path.toString('latin1').split('/');
  const bad = segments.some(
    (segment) => segment === '' || segment === '.' || segment === '..' || segment.includes('\0'),
  );
  if (bad) throw unsafePath(path, 'is not a plain relative path');
}

function unsafePath(path: Buffer, why: string): Error {
  return sourceError('unsafe-path', {
    message: `The restore point holds an entry that ${why}: ${showPath(path)}.`,
    hint: 'A restore point that Holdfast made has no such entry: find out who wrote to the vault.',
  });
}

/**
 * A tree that is being written where nobody else looks. Every directory in it was made by us, with mode 0700 and never
 * through a symlink; directories get their metadata at the end, the deepest first.
 */
export class StagedTree {
  readonly root: Buffer;
  private readonly metadata: MetadataWriter;
  private readonly report: ReportRestoreProblem;
  /** By path as latin1; in the order they were made, parents first. */
  private readonly directories = new Map<string, Metadata | undefined>([['', undefined]]);

  constructor(root: Buffer, metadata: MetadataWriter, report: ReportRestoreProblem) {
    this.root = root;
    this.metadata = metadata;
    this.report = report;
    // A default ACL of the place we stand in would be handed down to all that is made here.
    findNativeFs()?.removeXattr(root, 'system.posix_acl_default');
  }

  /** Writes one entry. Returns the bytes of content written. */
  async add(entry: SourceEntry, signal: AbortSignal): Promise<number> {
    assertSafePath(entry.path);
    if (entry.type === 'directory') {
      this.makeDirectory(entry);
      return 0;
    }
    if (entry.path.length === 0) throw unsafePath(entry.path, 'is no directory but has the path of the root');
    this.ensureParent(entry.path);
    try {
      return await this.addNode(entry, signal);
    } catch (error) {
      throw systemCode(error) === 'EEXIST' ? unsafePath(entry.path, 'has the name of another entry') : error;
    }
  }

  /** Ends the writing below the root: gives directories their metadata, the deepest first, but for those in `later`. */
  finishDirectories(later: readonly Buffer[]): void {
    const skipped = new Set(later.map((path) => path.toString('latin1')));
    for (const [path, metadata] of [...this.directories].reverse()) {
      if (path === '' || skipped.has(path)) continue;
      const location = pathBelow(this.root, Buffer.from(path, 'latin1'));
      if (metadata) this.metadata.apply(location, metadata);
      else chmodSync(location, modeOfUnknown);
    }
  }

  /** Puts the recorded metadata of the directory `path` on `location`; does nothing where none was recorded. */
  applyDirectory(path: Buffer, location: Buffer): void {
    const metadata = this.directories.get(path.toString('latin1'));
    if (metadata) this.metadata.apply(location, metadata);
  }

  private makeDirectory({ path, type, mode, uid, gid, mtimeNs, extendedAttributes = [] }: SourceEntry): void {
    const key = path.toString('latin1');
    const metadata = { path, type, mode, uid, gid, mtimeNs, extendedAttributes };
    if (!this.directories.has(key)) {
      this.ensureParent(path);
      this.mkdir(path);
    }
    this.directories.set(key, metadata);
  }

  private ensureParent(path: Buffer): void {
    const parent = parentPath(path);
    const key = parent.toString('latin1');
    if (this.directories.has(key)) return;
    this.ensureParent(parent);
    this.mkdir(parent);
    this.directories.set(key, undefined);
  }

  private mkdir(path: Buffer): void {
    try {
      mkdirSync(pathBelow(this.root, path), 0o700);
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error;
      throw unsafePath(path, 'would be written through one that is no directory');
    }
  }

  private async addNode(entry: SourceEntry, signal: AbortSignal): Promise<number> {
    const location = pathBelow(this.root, entry.path);
    if (entry.hardLinkTo) {
      this.link(entry, entry.hardLinkTo, location);
      return 0;
    }
    if (entry.type === 'file') {
      const finish = (fd: number): void => this.metadata.applyToNew(fd, location, entry);
      return writeFile(location, entry, { signal, finish });
    }
    if (entry.type === 'symlink') symlinkSync(this.linkTarget(entry), location);
    else if (!this.makeSpecial(entry, location)) return 0;
    this.metadata.apply(location, entry);
    return 0;
  }

  private linkTarget({ path, linkTarget }: SourceEntry): Buffer {
    if (linkTarget && linkTarget.length > 0 && !linkTarget.includes(0)) return linkTarget;
    throw unsafePath(path, 'is a symlink to nowhere');
  }

  private link(entry: SourceEntry, first: Buffer, location: Buffer): void {
    assertSafePath(first);
    if (!this.directories.has(parentPath(first).toString('latin1'))) {
      this.reportMissingFirst(entry, first);
      return;
    }
    try {
      linkSync(pathBelow(this.root, first), location);
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error;
      this.reportMissingFirst(entry, first);
    }
  }

  private reportMissingFirst(entry: SourceEntry, first: Buffer): void {
    const message = `It is another name of ${showPath(first)}, which was not restored with it: restore that, too.`;
    this.report({ path: showPath(entry.path), kind: 'hard-link', message });
  }

  private makeSpecial(entry: SourceEntry, location: Buffer): boolean {
    const native = findNativeFs();
    let why = nativeFsRemedy;
    try {
      if (native && entry.type in typeBits) {
        const bits = typeBits[entry.type as keyof typeof typeBits];
        native.makeNode(location, bits | 0o600, joinDevice(entry.device ?? { major: 0, minor: 0 }));
        return true;
      }
    } catch (error) {
      if (systemCode(error) !== 'EPERM') throw error;
      why = messageOf(error);
    }
    this.report({
      path: showPath(entry.path),
      kind: 'special-file',
      message: `The ${entry.type} could not be made: ${why}.`,
    });
    return false;
  }
}
