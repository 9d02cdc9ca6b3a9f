import { chmodSync, fchmodSync, lchownSync, lutimesSync, statSync } from 'node:fs';
import { messageOf, systemCode } from '../../../base/errors.ts';
import type { SourceEntry } from '../../source.ts';
import { findNativeFs, nativeFsRemedy } from '../native-fs.ts';
import { showPath } from '../paths.ts';
import type { ReportRestoreProblem } from './restore-problem.ts';

/** Owner, mode, times and extended attributes. */
export type Metadata = Pick<
  SourceEntry,
  'path' | 'type' | 'mode' | 'uid' | 'gid' | 'mtimeNs' | 'atimeNs' | 'extendedAttributes'
>;

const setIdBits = 0o6000;
const firstNamesTold = 3;

/** Puts metadata back, and tells at the end, once, what could not be: owners by count, as only root may give files away. */
export class MetadataWriter {
  private readonly report: ReportRestoreProblem;
  private readonly native = findNativeFs();
  private readonly notOwned: string[] = [];
  private notOwnedCount = 0;
  private roundedTimes = 0;
  private lostAttributes = 0;

  /** Whose the files are that we make. */
  private readonly ownOfNew: Pick<Metadata, 'uid' | 'gid'>;

  /** `staging` is the directory in which files are made. */
  constructor(report: ReportRestoreProblem, staging: Buffer) {
    this.report = report;
    this.ownOfNew = statSync(staging);
  }

  /** True for what needs no more than a mode and a time when it is made below the staging directory. */
  isPlain({ uid, gid, atimeNs, extendedAttributes = [] }: Metadata): boolean {
    return (
      atimeNs === undefined && uid === this.ownOfNew.uid && gid === this.ownOfNew.gid && extendedAttributes.length === 0
    );
  }

  /**
   * The same for a file that was just made below the staging directory, and is open: by its descriptor, which spares the
   * way to it, and without a chown where it has the right owner, which it takes from the process and the directories above.
   */
  applyToNew(fd: number, location: Buffer, metadata: Metadata): void {
    const { uid, gid, mode, path } = metadata;
    const isOwned = uid === this.ownOfNew.uid && gid === this.ownOfNew.gid;
    const owned = isOwned || this.applyOwner(location, metadata);
    this.applyAttributes(location, metadata);
    fchmodSync(fd, owned ? mode : mode & ~setIdBits);
    if (!this.native) {
      this.applyTime(location, metadata);
      return;
    }
    try {
      this.native.setOpenTimes(fd, metadata);
    } catch (error) {
      this.reportTime(path, error);
    }
  }

  /** The order matters: chown clears setuid and capabilities, all but the last change nothing that a later one needs. */
  apply(location: Buffer, metadata: Metadata): void {
    const owned = this.applyOwner(location, metadata);
    this.applyAttributes(location, metadata);
    if (metadata.type !== 'symlink') {
      // Setuid for whoever happens to run the restore would hand out that user's rights.
      chmodSync(location, owned ? metadata.mode : metadata.mode & ~setIdBits);
    }
    this.applyTime(location, metadata);
  }

  /** Reports what was counted. Returns how many entries belong to the user who restored them instead of their own. */
  finish(): { readonly ownersNotRestored: number } {
    if (this.notOwnedCount > 0) {
      const more = this.notOwnedCount > this.notOwned.length ? ', …' : '';
      this.report({
        path: '',
        kind: 'owner',
        message:
          `${this.notOwnedCount} entries belong to the user who restored them, without setuid and setgid, since only ` +
          `root may give files to others: ${this.notOwned.join(', ')}${more}.`,
      });
    }
    if (this.roundedTimes > 0) {
      const message = `The times of ${this.roundedTimes} entries are right to the microsecond only: ${nativeFsRemedy}.`;
      this.report({ path: '', kind: 'time', message });
    }
    if (this.lostAttributes > 0) {
      const message = `The extended attributes of ${this.lostAttributes} entries were not restored: ${nativeFsRemedy}.`;
      this.report({ path: '', kind: 'attribute', message });
    }
    return { ownersNotRestored: this.notOwnedCount };
  }

  private applyOwner(location: Buffer, { path, uid, gid }: Metadata): boolean {
    if (uid === process.geteuid?.() && gid === process.getegid?.()) {
      lchownSync(location, uid, gid); // a setgid directory above may have given it another group
      return true;
    }
    try {
      lchownSync(location, uid, gid);
      return true;
    } catch (error) {
      if (!['EPERM', 'EINVAL'].includes(systemCode(error) ?? '')) throw error;
      this.notOwnedCount += 1;
      if (this.notOwned.length < firstNamesTold) this.notOwned.push(showPath(path));
      return false;
    }
  }

  private applyAttributes(location: Buffer, { path, extendedAttributes = [] }: Metadata): void {
    if (extendedAttributes.length === 0) return;
    if (!this.native) {
      this.lostAttributes += 1;
      return;
    }
    for (const attribute of extendedAttributes) {
      try {
        this.native.setXattr(location, attribute);
      } catch (error) {
        if (systemCode(error) === 'ENOSPC') throw error;
        const message = `Its extended attribute ${attribute.name} could not be restored: ${messageOf(error)}.`;
        this.report({ path: showPath(path), kind: 'attribute', message });
      }
    }
  }

  private applyTime(location: Buffer, metadata: Metadata): void {
    const { path, mtimeNs, atimeNs = mtimeNs } = metadata;
    try {
      if (this.native) this.native.setTimes(location, metadata);
      else {
        const [accessed = 0, changed = 0] = [atimeNs, mtimeNs].map((time) => Number(time / 1000n) / 1e6);
        lutimesSync(location, accessed, changed);
        if (mtimeNs % 1000n !== 0n) this.roundedTimes += 1;
      }
    } catch (error) {
      this.reportTime(path, error);
    }
  }

  private reportTime(path: Buffer, error: unknown): void {
    const message = `Its time could not be restored: ${messageOf(error)}.`;
    this.report({ path: showPath(path), kind: 'time', message });
  }
}
