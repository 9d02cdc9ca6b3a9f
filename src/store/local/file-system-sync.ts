import { execFile } from 'node:child_process';
import type * as NodeFfi from 'node:ffi';
import { closeSync, openSync } from 'node:fs';
import { getSystemErrorName, promisify } from 'node:util';

const signatures = {
  syncfs: { arguments: ['i32'], return: 'i32' },
  __errno_location: { arguments: [], return: 'pointer' },
} as const;

/** syncfs(2) of the C library; undefined where this Node.js can't call it. */
function findSyncfs(): ((fd: number) => void) | undefined {
  const ffi = process.getBuiltinModule('node:ffi') as typeof NodeFfi | undefined;
  if (!ffi) return undefined;
  const { functions: libc } = ffi.dlopen(null, signatures);
  return (fd) => {
    if (libc.syncfs(fd) === 0) return;
    const code = getSystemErrorName(-ffi.getInt32(libc.__errno_location(), 0));
    throw Object.assign(new Error(`${code}: syncfs`), { code, syscall: 'syncfs' });
  };
}

/**
 * Makes all that was written to a file system durable at once, which for many small files costs a hundredth of syncing
 * each. The kernel tells of a failed write only to descriptors that were open before it: so it is opened first.
 */
export class FileSystemSync {
  private readonly path: string;
  private readonly fd: number;
  private readonly syncfs = findSyncfs();

  /** `path` is a folder on the file system. Throws the system's error. */
  constructor(path: string) {
    this.path = path;
    this.fd = openSync(path, 'r');
  }

  async sync(): Promise<void> {
    // The program does the waiting, so that it does not stop this process; the call then hears what went wrong.
    const done = promisify(execFile)('sync', ['-f', this.path]);
    if (!this.syncfs) return void (await done);
    await done.catch(() => {}); // no such program here: the call alone does it
    this.syncfs(this.fd);
  }

  close(): void {
    closeSync(this.fd);
  }
}
