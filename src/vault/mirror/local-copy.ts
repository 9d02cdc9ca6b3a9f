import { type FileHandle, mkdir, open, rename, rm, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';

import { messageOf } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';

/**
 * The manifest's copy on this machine: written as the manifest goes by, and put in its place when that stands. Only a
 * copy: what goes wrong with it is a warning.
 */
export class LocalCopy {
  private readonly path: string;
  private readonly temporary: string;
  private readonly logger: Logger;
  private handle: FileHandle | undefined;

  private constructor(path: string, logger: Logger) {
    this.path = path;
    // One name for all runs, so that a run that died leaves no more than this, and only until the next one.
    this.temporary = `${path}.tmp`;
    this.logger = logger;
  }

  /** Begins a copy; one that goes nowhere when `path` is undefined or can't be written. */
  static async open(path: string | undefined, logger: Logger): Promise<LocalCopy> {
    const copy = new LocalCopy(path ?? '', logger);
    if (path === undefined) return copy;
    await copy.attempt(async () => {
      await mkdir(dirname(path), { recursive: true });
      await rm(copy.temporary, { force: true });
      copy.handle = await open(copy.temporary, 'wx', 0o600);
    });
    return copy;
  }

  /** Passes the manifest's bytes on. */
  async *through(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      const { handle } = this;
      if (handle) await this.attempt(() => handle.writeFile(chunk));
      yield chunk;
    }
  }

  async keep(): Promise<void> {
    const { handle } = this;
    if (!handle) return;
    await this.attempt(async () => {
      await handle.sync();
      await handle.close();
      await rename(this.temporary, this.path);
    });
  }

  async discard(): Promise<void> {
    const { handle } = this;
    this.handle = undefined;
    if (!handle) return;
    await handle.close().catch(() => {});
    await unlink(this.temporary).catch(() => {});
  }

  private async attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.logger.warn(`The copy of the manifest, ${this.path}, can not be written: ${messageOf(error)}.`);
      await this.discard();
    }
  }
}
