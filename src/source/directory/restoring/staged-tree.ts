import { chmodSync, linkSync, mkdirSync, symlinkSync } from 'node:fs';
import { KiB } from '../../../base/bytes.ts';
import type { Soon } from '../../../base/concurrency.ts';
import { messageOf, systemCode } from '../../../base/errors.ts';
import { joinDevice } from '../../device-number.ts';
import { sourceError } from '../../errors.ts';
import type { SourceEntry } from '../../source.ts';
import type { Metadata, MetadataWriter } from './apply-metadata.ts';
import { findNativeFs, nativeFsRemedy } from '../native-fs.ts';
import { parentPath, pathBelow, showPath } from '../paths.ts';
import type { ReportRestoreProblem } from './restore-problem.ts';
import { SmallFileWriter } from './small-file-writer.ts';
import { writeFile } from './write-file.ts';

/** Of a directory that leads to an entry and is none itself. */
export const modeOfUnknown = 0o755;

/** Up to here a thread writes a file, with others. */
const largestSmall = 128 * KiB;

const takenName = 'has the name of another entry';

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
  private readonly smallFiles: SmallFileWriter;
  /** By path as latin1; in the order they were made, parents first. */
  private readonly directories = new Map<string, Metadata | undefined>([['', undefined]]);

  constructor(root: Buffer, metadata: MetadataWriter, report: ReportRestoreProblem) {
    this.root = root;
    this.metadata = metadata;
    this.report = report;
    this.smallFiles = new SmallFileWriter((location, error) =>
      systemCode(error) === 'EEXIST' ? unsafePath(location.subarray(root.length + 1), takenName) : error,
    );
    // A default ACL of the place we stand in would be handed down to all that is made here.
    findNativeFs()?.removeXattr(root, 'system.posix_acl_default');
  }

  /**
   * Writes one entry, whose content may change afterwards. Returns the bytes of content, at once where nothing need be
   * waited for. What goes wrong with a small file may be thrown by a later call, `flush` at the latest.
   */
  add(entry: SourceEntry, signal: AbortSignal): Soon<number> {
    assertSafePath(entry.path);
    if (entry.type === 'directory') {
      this.makeDirectory(entry);
      return 0;
    }
    if (entry.path.length === 0) throw unsafePath(entry.path, 'is no directory but has the path of the root');
    this.ensureParent(entry.path);
    return this.addSmall(entry) ?? this.addOther(entry, signal);
  }

  /** Resolves when every file has been written. */
  async flush(): Promise<void> {
    await this.smallFiles.flush();
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    await this.smallFiles.close();
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

  /** Undefined for what is no small file whose content is there already, and that needs no more than the usual. */
  private addSmall(entry: SourceEntry): Soon<number> | undefined {
    const { path, type, hardLinkTo, dataRuns, sizeBytes, mode, mtimeNs } = entry;
    if (type !== 'file' || hardLinkTo || dataRuns || !findNativeFs() || !this.metadata.isPlain(entry)) return undefined;
    const { content } = entry;
    if (!content || content.length > largestSmall || content.length !== sizeBytes) return undefined;
    const room = this.smallFiles.write({ location: pathBelow(this.root, path), mode, mtimeNs, content });
    return room ? room.then(() => sizeBytes) : sizeBytes;
  }

  private async addOther(entry: SourceEntry, signal: AbortSignal): Promise<number> {
    if (entry.hardLinkTo) await this.flush(); // what it links to must be there
    try {
      return await this.addNode(entry, signal);
    } catch (error) {
      throw systemCode(error) === 'EEXIST' ? unsafePath(entry.path, takenName) : error;
    }
  }

  private makeDirectory({ path, type, mode, uid, gid, mtimeNs, atimeNs, extendedAttributes = [] }: SourceEntry): void {
    const key = path.toString('latin1');
    const times = atimeNs === undefined ? { mtimeNs } : { mtimeNs, atimeNs };
    const metadata = { path, type, mode, uid, gid, ...times, extendedAttributes };
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
