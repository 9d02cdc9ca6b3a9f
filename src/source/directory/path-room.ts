import type * as NodeFfi from 'node:ffi';
import { endsInSlash, type Place } from './place.ts';

const roomBytes = 8192; // twice what Linux takes (PATH_MAX)
const slash = 0x2f;

/**
 * Memory that holds one path for the C library, with a zero behind it. Of a path in the same directory as the one before
 * only the name is written.
 */
export class PathRoom {
  /** Where the path begins; a number, since handing over a Buffer costs as much as the system call. */
  readonly address: bigint;
  private readonly bytes = Buffer.allocUnsafeSlow(roomBytes);
  private directory: Buffer | undefined;
  private nameStart = 0;

  constructor(ffi: typeof NodeFfi) {
    this.address = ffi.getRawPointer(this.bytes);
  }

  /** Writes a path and returns its address. Throws the system's ENAMETOOLONG for what Linux would not take either. */
  write({ directory, name }: Place): bigint {
    const { bytes } = this;
    if (directory.length + name.length + 2 > roomBytes)
      throw Object.assign(new Error('ENAMETOOLONG: the path is too long'), { code: 'ENAMETOOLONG' });
    if (directory !== this.directory) {
      bytes.set(directory);
      this.directory = directory;
      this.nameStart = directory.length;
      if (!endsInSlash(directory)) bytes[this.nameStart++] = slash;
    }
    if (name === '') {
      bytes[directory.length] = 0;
      this.directory = undefined; // the slash is gone
    } else bytes[this.nameStart + bytes.write(name, this.nameStart, 'latin1')] = 0;
    return this.address;
  }
}
