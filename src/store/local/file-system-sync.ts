import { execFile } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { promisify } from 'node:util';
import { MiB } from '../../base/bytes.ts';
import { bindLibcError } from '../../base/libc-error.ts';
import { findFfi } from '../../base/native-functions.ts';

/** syncfs(2) of the C library; undefined where this Node.js can't call it. */
function findSyncfs(): ((fd: number) => void) | undefined {
  const ffi = findFfi();
  if (!ffi) return undefined;
  const { functions: libc } = ffi.dlopen(null, { syncfs: { arguments: ['i32'], return: 'i32' } });
  const failure = bindLibcError(ffi);
  return (fd) => {
    if (libc.syncfs(fd) !== 0) throw failure('syncfs');
  };
}

/** So much is left to be written before the disk is told to begin. */
const earlyBytes = 32 * MiB;

/**
 * Makes all that was written to a file system durable at once, which for many small files costs a hundredth of syncing
 * each. The kernel tells of a failed write only to descriptors that were open before it: so it is opened first.
 */
export class FileSystemSync {
  private readonly path: string;
  private readonly fd: number;
  private readonly syncfs = findSyncfs();
  private bytes = 0;
  private early: Promise<void> | undefined;
  private earlyFailure: { readonly error: unknown } | undefined;

  /** `path` is a folder on the file system. Throws the system's error. */
  constructor(path: string) {
    this.path = path;
    this.fd = openSync(path, 'r');
  }

  /** So many bytes were written. Now and then the disk begins to write them, beside everything else, so that less is left for `sync`. */
  wrote(bytes: number): void {
    this.bytes += bytes;
    if (this.early || this.bytes < earlyBytes) return;
    this.bytes = 0;
    // What goes wrong is told to our descriptor as well, but not to one that is opened later.
    this.early = this.run()
      .catch((error: unknown) => void (this.earlyFailure ??= { error }))
      .finally(() => (this.early = undefined));
  }

  async sync(): Promise<void> {
    await this.early;
    // The program does the waiting, so that it does not stop this process; the call then hears what went wrong.
    const done = this.run();
    if (this.syncfs) {
      await done.catch(() => {}); // no such program here: the call alone does it
      this.syncfs(this.fd);
      return;
    }
    await done;
    if (this.earlyFailure) throw this.earlyFailure.error;
  }

  async close(): Promise<void> {
    await this.early;
    closeSync(this.fd);
  }

  private async run(): Promise<void> {
    await promisify(execFile)('sync', ['-f', this.path]);
  }
}
