import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, readFile, rename, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

import { MiB } from '../../../base/bytes.ts';
import { messageOf } from '../../../base/errors.ts';
import type { Logger } from '../../../base/log.ts';
import type { ObjectInfo } from '../../../store/index.ts';

/** Beside a copy: the etag of the object that it is a copy of, where that is not the MD5 of its bytes. */
const etagFile = (path: string): string => `${path}.etag`;

/** True when the file at `path` has the bytes of an object that can't be read, by all that a list tells of it. */
export async function isCopyOf(path: string, { sizeBytes, etag }: ObjectInfo): Promise<boolean> {
  try {
    if ((await stat(path)).size !== sizeBytes) return false;
    const noted = await readFile(etagFile(path), 'utf8').catch(() => undefined);
    if (noted !== undefined) return noted === etag;
    const md5 = createHash('md5');
    for await (const chunk of createReadStream(path, { highWaterMark: MiB })) md5.update(chunk as Buffer);
    return md5.digest('hex') === etag;
  } catch {
    return false; // what can't be read is no copy
  }
}

/**
 * The manifest's copy on this machine: written as the manifest goes by, and put in its place when that stands. Only a
 * copy: what goes wrong with it is a warning.
 */
export class LocalCopy {
  private readonly path: string;
  private readonly temporary: string;
  private readonly logger: Logger;
  private readonly md5 = createHash('md5');
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
      if (handle) {
        this.md5.update(chunk);
        await this.attempt(() => handle.writeFile(chunk));
      }
      yield chunk;
    }
  }

  /** Puts the copy in its place, and notes the store's etag beside it where that is not the MD5 of the bytes. */
  async keep(etag: string): Promise<void> {
    const { handle } = this;
    if (!handle) return;
    await this.attempt(async () => {
      await handle.sync();
      await handle.close();
      await rename(this.temporary, this.path);
      if (etag === this.md5.digest('hex')) await rm(etagFile(this.path), { force: true });
      else await writeFile(etagFile(this.path), etag, { mode: 0o600 });
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
