import { fdatasync } from 'node:fs';
import { promisify } from 'node:util';
import { MiB } from '../../../base/bytes.ts';

const fdatasyncAsync = promisify(fdatasync);
/** Fewer bytes are left to the sync that ends a restore: each call waits for the journal, too. */
const worthBytes = 256 * MiB;

/** Has the disk begin with what was written to a large file while more comes: the kernel alone would wait for the end. */
export class EarlyWriteback {
  private readonly fd: number;
  private waitingBytes = 0;
  private running: Promise<void> | undefined;
  private failure: { readonly error: unknown } | undefined;

  constructor(fd: number) {
    this.fd = fd;
  }

  /** Tells how many bytes were written since the last call. Throws what the disk refused of earlier ones. */
  wrote(bytes: number): void {
    if (this.failure) throw this.failure.error;
    this.waitingBytes += bytes;
    if (this.waitingBytes < worthBytes || this.running) return;
    this.waitingBytes = 0;
    this.running = fdatasyncAsync(this.fd)
      .catch((error: unknown) => void (this.failure = { error }))
      .finally(() => (this.running = undefined));
  }

  /** Resolves when nothing is under way: the descriptor may be closed. Never rejects. */
  async settled(): Promise<void> {
    await this.running;
  }
}
